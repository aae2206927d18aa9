// Command posts is a small posts API at WordPress's address, so that the best
// known command of application passwords works as it is printed everywhere:
//
//	go run ./examples/posts
//	curl -X GET http://localhost:8083/wp-json/wp/v2/posts -u "username:xxxx xxxx xxxx xxxx xxxx xxxx"
//
// Everyone can read published posts. With an application password, users also read their own
// drafts, and write.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/sparekey-dev/sparekey"
	"github.com/sparekey-dev/sparekey/basicauth"
	"github.com/sparekey-dev/sparekey/rest"
	"github.com/sparekey-dev/sparekey/store/memory"
)

const home = "http://localhost:8083"

func main() {
	handler, secret, err := newSite(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("curl -X GET %s/wp-json/wp/v2/posts -u \"username:%s\"\n", home, secret.Chunked())
	log.Fatal(http.ListenAndServe("localhost:8083", handler))
}

// newSite makes a user called "username" with one application password, and the
// site around them.
func newSite(ctx context.Context) (http.Handler, sparekey.Secret, error) {
	store := memory.New()
	svc := sparekey.New(store, store, sparekey.Config{})
	user, err := store.CreateUser(ctx, sparekey.User{Login: "username", Email: "user@example.com", Roles: []string{"author"}}, "")
	if err != nil {
		return nil, sparekey.Secret{}, err
	}
	secret, _, err := svc.AsOperator().Create(ctx, user.ID, sparekey.NewCredential{Name: "curl"})
	if err != nil {
		return nil, sparekey.Secret{}, err
	}
	guard := basicauth.New(svc, basicauth.Config{Realm: "Posts"})
	p := &posts{list: []post{{ID: 1, Date: time.Now().UTC(), Status: "publish", Title: rendered{"Hello world"}, author: user.ID}}}
	mux := http.NewServeMux()
	mux.Handle("/wp-json/", rest.New(svc, nil, rest.Config{BaseURL: home + "/wp-json"}))
	mux.Handle("GET /wp-json/wp/v2/posts", guard.Optional(http.HandlerFunc(p.read)))
	mux.Handle("POST /wp-json/wp/v2/posts", guard.Require(http.HandlerFunc(p.create)))
	return mux, secret, nil
}

type post struct {
	ID     int       `json:"id"`
	Date   time.Time `json:"date"`
	Status string    `json:"status"`
	Title  rendered  `json:"title"`
	author string
}

type rendered struct {
	Rendered string `json:"rendered"`
}

// posts keeps posts in memory.
type posts struct {
	mu   sync.Mutex
	list []post
}

// read lists published posts, and the caller's drafts.
func (p *posts) read(w http.ResponseWriter, r *http.Request) {
	id, signedIn := sparekey.FromContext(r.Context())
	p.mu.Lock()
	defer p.mu.Unlock()
	visible := []post{}
	for _, post := range p.list {
		if post.Status == "publish" || signedIn && post.author == id.User.ID {
			visible = append(visible, post)
		}
	}
	answer(w, http.StatusOK, visible)
}

// create adds a draft, or a published post if the status says so.
func (p *posts) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ Title, Status string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil || in.Title == "" {
		http.Error(w, `Send JSON such as {"title":"Hello","status":"publish"}.`, http.StatusBadRequest)
		return
	}
	id, _ := sparekey.FromContext(r.Context()) // guarded, so there is one
	if in.Status != "publish" {
		in.Status = "draft"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	made := post{ID: len(p.list) + 1, Date: time.Now().UTC(), Status: in.Status, Title: rendered{in.Title}, author: id.User.ID}
	p.list = append(p.list, made)
	answer(w, http.StatusCreated, made)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
