// Command grpc protects the methods of a gRPC server. A call carries the application password as
// a request over HTTP does: in the metadata "authorization", with the scheme Basic.
//
//	go run ./grpc
package main

import (
	"context"
	"log"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/clientip"
	"github.com/sparekey-dev/sparekey/scope"
	"github.com/sparekey-dev/sparekey/store/memory"
)

func main() {
	store := memory.New() // a real application opens a database
	svc := sparekey.New(store, store, sparekey.Config{Bundles: bundles()})
	listener, err := net.Listen("tcp", "localhost:8081") // elsewhere gRPC needs TLS
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server(svc).Serve(listener))
}

func bundles() scope.Bundles {
	return scope.BuiltIn().With(scope.Named("health:read", "See whether the server is well"))
}

func server(svc *sparekey.Service) *grpc.Server {
	s := grpc.NewServer(grpc.UnaryInterceptor(require(svc, map[string]string{
		"/grpc.health.v1.Health/Check": "health:read",
	})))
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	return s
}

// require lets only calls with a right application password through. scopes are those that the
// methods need. A method without one is denied to application passwords that have scopes, unless
// a rule such as "POST /package.Service/Method" covers it. Streams need an interceptor of their
// own, which is alike.
func require(svc *sparekey.Service, scopes map[string]string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		a, err := attempt(ctx, info.FullMethod)
		if err == nil {
			a.Scope = scopes[info.FullMethod]
			ctx, err = svc.WithIdentity(ctx, a)
		}
		if err != nil {
			return nil, refuse(err)
		}
		return next(ctx, request) // which calls sparekey.FromContext
	}
}

func attempt(ctx context.Context, method string) (a sparekey.Attempt, err error) {
	sent, _ := metadata.FromIncomingContext(ctx)
	login, secret, presented, err := basicauth.Parse(strings.Join(sent["authorization"], ", "))
	switch {
	case err != nil:
		return a, err
	case !presented:
		return a, basicauth.ErrNotPresented
	}
	origin := clientip.Origin{}
	if p, ok := peer.FromContext(ctx); ok {
		_, isTLS := p.AuthInfo.(credentials.TLSInfo)
		origin = clientip.FromConn(p.Addr, isTLS)
	}
	return sparekey.Attempt{
		Login: login, Secret: secret, Addr: origin.Addr, Secure: origin.Secure,
		Request: sparekey.Request{Method: "POST", Target: method}, // as gRPC sends it over HTTP/2
	}, nil
}

// refuse makes the status of a refusal, and of what got no answer.
func refuse(err error) error {
	code := codes.Unavailable
	switch basicauth.Status(err) {
	case 401:
		code = codes.Unauthenticated
	case 403:
		code = codes.PermissionDenied
	case 429:
		code = codes.ResourceExhausted
	}
	return status.Error(code, basicauth.Message(err))
}
