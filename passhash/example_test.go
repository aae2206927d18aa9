package passhash_test

import (
	"fmt"

	"github.com/sparekey-dev/sparekey/passhash"
)

func ExampleGeneric() {
	fmt.Println(passhash.Generic("abcdEFGH1234ijklMNOP6789"))
	// Output: $generic$DJQSTFb1k471At02OwiVbyfZ-O-0_c1pPo2BcKU5
}

func ExampleVerify() {
	stored := "$P$Bev0jkTZ01smBOB3CA0hzodD1GGC/T/" // from a WordPress older than 6.8
	fmt.Println(passhash.Verify(stored, "abcdEFGH1234ijklMNOP5678"))
	fmt.Println(passhash.Verify(stored, "ABCDEFGH1234IJKLMNOP5678"))
	// Output:
	// true
	// false
}
