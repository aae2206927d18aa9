package e2e_test

import (
	"context"
	"encoding/base64"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// startGRPC starts a gRPC server with the services for health and reflection, and returns its
// address.
func startGRPC(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// as is the context of a call with a login and a secret.
func as(ctx context.Context, login, secret string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login+":"+secret)))
}

// TestGRPC has a client of gRPC call a server through --upstream: calls, their errors in
// trailers, streams in both directions, scopes, and a stream that a revocation ends.
func TestGRPC(t *testing.T) {
	t.Parallel()
	s := startSite(t, "--upstream=h2c://"+startGRPC(t), "--upstream-auth=required")
	conn, err := grpc.NewClient(s.url[len("http://"):], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	right := as(t.Context(), "bob", s.addCredential("bob", "all"))
	narrowed := as(t.Context(), "bob", s.cli("user", "application-password", "create", "bob", "narrowed", "--scope=POST /grpc.health.v1.Health/*", "--porcelain"))
	client := grpc_health_v1.NewHealthClient(conn)
	for name, c := range map[string]struct {
		ctx     context.Context
		service string
		want    codes.Code
	}{
		"right":     {right, "", codes.OK},
		"narrowed":  {narrowed, "", codes.OK},
		"not there": {right, "no.such.Service", codes.NotFound}, // in a trailer
		"wrong":     {as(t.Context(), "bob", "wrong"), "", codes.Unauthenticated},
		"anonymous": {t.Context(), "", codes.Unauthenticated},
	} {
		if _, err := client.Check(c.ctx, &grpc_health_v1.HealthCheckRequest{Service: c.service}); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	talk(t, right, conn, codes.OK)
	talk(t, narrowed, conn, codes.PermissionDenied)

	watch, err := client.Watch(right, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatalf("the first of a stream: %v", err)
	}
	s.cli("user", "application-password", "delete", "bob", "--all")
	if _, err := watch.Recv(); err == nil {
		t.Error("a stream goes on after the revocation")
	}
}

// talk asks for the list of services several times over one stream.
func talk(t *testing.T, ctx context.Context, conn *grpc.ClientConn, want codes.Code) {
	t.Helper()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		list := &grpc_reflection_v1.ServerReflectionRequest_ListServices{}
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: list}) // Recv has the error
		answer, err := stream.Recv()
		if status.Code(err) != want {
			t.Fatalf("reflection: %v, want %v", err, want)
		}
		if err == nil && len(answer.GetListServicesResponse().GetService()) < 2 {
			t.Errorf("reflection: %v", answer)
		}
	}
}
