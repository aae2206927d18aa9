package main

import (
	"context"
	"encoding/base64"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{Bundles: bundles()})
	ann, err := store.CreateUser(t.Context(), sparekey.User{Login: "ann"}, "")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server(svc)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := grpc_health_v1.NewHealthClient(conn)
	check := func(ctx context.Context) codes.Code {
		_, err := client.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		return status.Code(err)
	}
	if got := check(t.Context()); got != codes.Unauthenticated {
		t.Errorf("without a credential: %v", got)
	}
	for scopes, want := range map[scope.List]codes.Code{
		"": codes.OK, "health:read": codes.OK, "read": codes.PermissionDenied,
	} {
		secret, _, err := svc.AsOperator().Create(t.Context(), ann.ID, sparekey.NewCredential{Name: "app", Limits: sparekey.Limits{Scopes: scopes}})
		if err != nil {
			t.Fatal(err)
		}
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+secret.Reveal()))
		if got := check(metadata.AppendToOutgoingContext(t.Context(), "authorization", basic)); got != want {
			t.Errorf("%q: got %v, want %v", scopes, got, want)
		}
	}
}
