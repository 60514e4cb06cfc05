package node

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

// cimClient is the environment variable with the address to which a child process
// connects as a CIM client.
const cimClient = "CIM_TEST_CLIENT"

func init() {
	aside = func() bool {
		at := os.Getenv(cimClient)
		if at == "" {
			return false
		}
		if err := beCIM(at); err != nil {
			fmt.Println("failed", err)
		}
		return true
	}
}

// beCIM prints the messages that it gets, and does what its input says. It pings only
// if the input says so.
func beCIM(at string) error {
	conn, err := net.Dial("tcp", at)
	if err != nil {
		return err
	}
	var deaf atomic.Bool
	go func() {
		for r := bufio.NewReader(conn); ; {
			f, err := proto.ReadFrame(r, 1<<20)
			if err != nil {
				fmt.Println("end")
				_ = conn.Close()
				os.Exit(0)
			}
			for _, text := range append(f.BatchReqMsg, f.ReqMsg) {
				if text != "" {
					fmt.Println(text)
				}
			}
			if deaf.Load() {
				select {}
			}
		}
	}()
	send := func(f *proto.Frame) error {
		b, err := proto.AppendFrame(nil, f)
		if err == nil {
			_, err = conn.Write(b)
		}
		return err
	}
	if err := send(&proto.Frame{RequestId: 1, ReqMsg: "alice"}); err != nil {
		return err
	}
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		switch told.Text() {
		case "ping":
			if err := send(&proto.Frame{Cmd: proto.Command_PING, RequestId: 1, ReqMsg: "ping"}); err != nil {
				return err
			}
		case "read no more":
			deaf.Store(true)
			fmt.Println("deaf")
		case "close":
			return conn.Close()
		case "close in two steps": // as Java's channels do
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
			return conn.Close()
		case "close half": // and stand still before the other half
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			select {}
		}
	}
	return nil
}

// client is a process that is a CIM client.
type client struct {
	process *os.Process
	tell    io.Writer

	mu    sync.Mutex
	lines []string
}

func (w *town) client(t *testing.T) *client {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), cimClient+"="+w.config.Clients.Addr().String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &client{process: cmd.Process, tell: in}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.mu.Lock()
			c.lines = append(c.lines, lines.Text())
			c.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
	})
	return c
}

func (c *client) does(t *testing.T, what string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.tell, what); err != nil {
		t.Fatal(err)
	}
}

func (c *client) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop makes the client stand still, and waits until each of its threads does so.
func (c *client) stop(t *testing.T) {
	t.Helper()
	c.signal(t, syscall.SIGSTOP)
	wait.Until(t, "it stands still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", c.process.Pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("no threads: %v", err)
		}
		return !slices.ContainsFunc(threads, func(name string) bool {
			stat, err := os.ReadFile(name)
			return err == nil && !strings.Contains(string(stat), ") T ")
		})
	})
}

// printed returns the lines so far, without pongs.
func (c *client) printed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.lines), func(line string) bool { return line == "pong" })
}

func (c *client) prints(t *testing.T, want ...string) {
	t.Helper()
	wait.Until(t, "the client prints "+strings.Join(want, " "), func() bool { return slices.Equal(c.printed(), want) })
}
