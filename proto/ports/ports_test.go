package ports

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

const each = 150 // ports that a process takes in a test

// child is set in the environment of the processes that TestNoPortIsTakenTwice starts.
const child = "CIM_TEST_TAKES_PORTS"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "" {
		os.Exit(m.Run())
	}
	for range each {
		port, err := Take()
		if err != nil {
			fmt.Println(err)
		}
		fmt.Println(port)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test has read the ports of all
}

// A program gets its port before it listens there. So no port may be given out twice, by
// this process or by another one.
func TestNoPortIsTakenTwice(t *testing.T) {
	var outputs []*bufio.Scanner
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), child+"=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			stdin.Close()
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
		outputs = append(outputs, bufio.NewScanner(stdout))
	}
	taken := make(map[int]bool)
	for _, lines := range outputs {
		for range each {
			lines.Scan()
			port, err := strconv.Atoi(lines.Text())
			if err != nil || port < first || port >= last || taken[port] {
				t.Fatalf("%q: want a port that nobody has taken, from %d to %d", lines.Text(), first, last-1)
			}
			taken[port] = true
		}
	}
}

func TestPortThatSomebodyUsesIsNotTaken(t *testing.T) {
	p := pool{ports: []int{listen(t), takePackets(t)}, guards: make([]net.Listener, most)}
	if port, err := p.take(); !errors.Is(err, ErrNone) {
		t.Fatalf("port %d, %v, want none", port, err)
	}
	p.ports = append(p.ports, freePort(t))
	for range 2 { // it comes again: there is no other one
		if port, err := p.take(); err != nil || port != p.ports[2] {
			t.Fatalf("port %d, %v, want %d", port, err, p.ports[2])
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func listen(t *testing.T) int {
	t.Helper()
	port := freePort(t)
	listener, err := net.Listen("tcp", At(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return port
}

func takePackets(t *testing.T) int {
	t.Helper()
	port := freePort(t)
	packets, err := net.ListenPacket("udp", At(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	return port
}
