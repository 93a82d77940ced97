//go:build !linux

// Command netlab needs the network namespaces of Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "netlab: only Linux has network namespaces")
	os.Exit(1)
}
