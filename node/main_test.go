package node

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if life := os.Getenv(crashEnv); life != "" {
		os.Exit(crashChild(life))
	}
	goleak.VerifyTestMain(m)
}
