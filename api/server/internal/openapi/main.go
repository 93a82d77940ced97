// Command openapi prints the description of the API in YAML, for
// api/openapi.yaml. It must not know anything but the server's own words.
package main

import (
	"fmt"
	"os"

	"github.com/beckon-p2p/beckon/api/server"
)

func main() {
	b, err := server.OpenAPI()
	if err == nil {
		_, err = os.Stdout.Write(b)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}
