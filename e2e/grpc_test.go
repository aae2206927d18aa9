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

// asBob is the context of a call with a secret of bob's, or of an anonymous one.
func asBob(ctx context.Context, secret string) context.Context {
	if secret == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("bob:"+secret)))
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
	right := s.addCredential("bob", "all")
	narrowed := s.cli("user", "application-password", "create", "bob", "narrowed", "--scope=POST /grpc.health.v1.Health/*", "--porcelain")
	client := grpc_health_v1.NewHealthClient(conn)
	for name, c := range map[string]struct {
		secret, service string
		want            codes.Code
	}{
		"right":     {right, "", codes.OK},
		"narrowed":  {narrowed, "", codes.OK},
		"not there": {right, "no.such.Service", codes.NotFound}, // in a trailer
		"wrong":     {"wrong", "", codes.Unauthenticated},
		"anonymous": {"", "", codes.Unauthenticated},
	} {
		if _, err := client.Check(asBob(t.Context(), c.secret), &grpc_health_v1.HealthCheckRequest{Service: c.service}); status.Code(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	talk(asBob(t.Context(), right), t, conn, codes.OK)
	talk(asBob(t.Context(), narrowed), t, conn, codes.PermissionDenied)

	watch, err := client.Watch(asBob(t.Context(), right), &grpc_health_v1.HealthCheckRequest{})
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
func talk(ctx context.Context, t *testing.T, conn *grpc.ClientConn, want codes.Code) {
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
