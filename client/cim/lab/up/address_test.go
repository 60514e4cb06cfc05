package up

import (
	"net"
	"strings"
	"testing"
)

func TestNoTwoProcessesHaveOneAddress(t *testing.T) {
	c := &Cluster{given: make(map[string]bool)}
	for n := range 1000 { // of some 1,200
		if address := c.address(8081); len(c.given) != n+1 {
			t.Fatalf("%s was given twice", address)
		}
	}
}

func TestKnownPortThatSomebodyUsesIsNotTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	known := listener.Addr().(*net.TCPAddr).Port
	c := &Cluster{given: make(map[string]bool), config: Config{Fixed: true}}
	if address := c.address(known); address == listener.Addr().String() || !strings.HasPrefix(address, "127.0.0.1:") {
		t.Fatalf("address %s", address)
	}
	listener.Close()
	if address := c.address(known); address != listener.Addr().String() {
		t.Fatalf("address %s, want the known port %d, which is free now", address, known)
	}
}
