package scope_test

import (
	"fmt"

	"github.com/sparekey-dev/sparekey/scope"
)

// An operator's rules are about methods and paths.
func ExampleList_Covers() {
	list, err := scope.Parse([]string{"read", "POST /posts*"})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(list.Covers(scope.Access{Method: "POST", Path: "/posts/7"}, scope.BuiltIn()))
	fmt.Println(list.Covers(scope.Access{Method: "DELETE", Path: "/posts/7"}, scope.BuiltIn()))
	// Output:
	// POST /posts* true
	//  false
}

// An application's own scope is asked for by its name, and covers no path.
func ExampleNamed() {
	bundles := scope.BuiltIn().With(scope.Named("posts:write", "Write and change posts").In("de", "Beiträge schreiben und ändern"))
	list := scope.List("posts:write")
	fmt.Println(list.Covers(scope.Access{Method: "POST", Path: "/posts", Scope: "posts:write"}, bundles))
	fmt.Println(list.Covers(scope.Access{Method: "POST", Path: "/posts"}, bundles))
	fmt.Println(bundles["posts:write"].Text("de"))
	// Output:
	// posts:write true
	//  false
	// Beiträge schreiben und ändern
}
