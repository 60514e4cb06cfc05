package gcf

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	"github.com/cim-go/cim/routefn/routetest"
)

// TestMain runs Google's framework instead of the tests if a port is given. The test
// starts such a process, and a developer may.
func TestMain(m *testing.M) {
	port := os.Getenv("GCF_TEST_PORT")
	if port == "" {
		os.Exit(m.Run())
	}
	if err := funcframework.StartHostPort("127.0.0.1", port); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestRouteIsTheSameUnderGooglesFramework(t *testing.T) {
	world := routetest.NewWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), world.Env()...), "GCF_TEST_PORT="+port, "FUNCTION_TARGET=Route")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error means that it has ended
		_ = cmd.Wait()
	})
	routetest.AwaitReady(t, "http://"+address)
	routetest.Suite(t, "http://"+address, "alice")
}
