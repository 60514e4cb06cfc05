package chat

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto/wait"
)

// inPane has this test program be the terminal of alice instead, and names the
// socket on which it tells what she sends and is told what bob sends.
const inPane = "CIM_CHAT_IN_PANE"

// teller is a fake whose messages go over a connection.
type teller struct {
	*fake
	conn net.Conn
}

func (t teller) SendMessage(_ context.Context, m client.Outgoing) (client.Receipt, error) {
	_, err := fmt.Fprintln(t.conn, m.Text)
	return client.Receipt{}, err
}

func chatInPane(socket string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		panic(err)
	}
	t := teller{newFake(), conn}
	go func() {
		for in := bufio.NewScanner(conn); in.Scan(); {
			t.messages <- client.Message{From: 7, FromName: "bob", Group: 1, Text: in.Text()}
		}
	}()
	if err := Run(context.Background(), Config{Client: t, Zone: time.UTC}); err != nil {
		panic(err)
	}
}

// pane is alice's terminal in tmux, twenty columns wide.
type pane struct {
	t    *testing.T
	tmux string // its socket
	conn net.Conn
	sent *bufio.Scanner
}

func openPane(t *testing.T) *pane {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "chat"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := &pane{t: t, tmux: filepath.Join(dir, "tmux")}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.do("-u", "-f", "/dev/null", "new-session", "-d", "-x", "20", "-y", "12",
		"env", inPane+"="+l.Addr().String(), "NO_COLOR=1", program)
	t.Cleanup(func() { p.do("kill-server") })
	if p.conn, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close() })
	p.sent = bufio.NewScanner(p.conn)
	return p
}

// do has tmux do something.
func (p *pane) do(args ...string) string {
	p.t.Helper()
	c := exec.Command("tmux", append([]string{"-S", p.tmux}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm-256color")
	out, err := c.CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *pane) types(text string)      { p.do("send-keys", "-l", text) }
func (p *pane) presses(keys ...string) { p.do(append([]string{"send-keys"}, keys...)...) }

// shows waits until the rows from the last prompt on are these.
func (p *pane) shows(rows ...string) {
	p.t.Helper()
	p.waits(func(screen string) bool {
		at := strings.LastIndex("\n"+screen, "\n>")
		return at >= 0 && screen[at:] == strings.Join(rows, "\n")
	}, rows)
}

// has waits until the screen has this text.
func (p *pane) has(text string) {
	p.t.Helper()
	p.waits(func(screen string) bool { return strings.Contains(screen, text) }, text)
}

// waits waits until ok returns true for the screen. If it does not, the test fails and
// says what it wants to see.
func (p *pane) waits(ok func(screen string) bool, want any) {
	p.t.Helper()
	var screen string
	for end := time.Now().Add(wait.Limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if screen = strings.TrimRight(p.do("capture-pane", "-p"), "\n "); ok(screen) {
			return
		}
	}
	p.t.Fatalf("the screen does not show %q:\n%s", want, screen)
}

// sends presses Enter, and fails unless just this is sent.
func (p *pane) sends(text string) {
	p.t.Helper()
	p.presses("Enter")
	if !p.sent.Scan() || p.sent.Text() != text {
		p.t.Fatalf("sent %q, want %q", p.sent.Text(), text)
	}
}

func TestTerminalSendsWhatItShows(t *testing.T) {
	p := openPane(t)
	p.shows(">")

	p.types("明天下午三点开会")
	p.shows("> 明天下午三点开会")
	p.presses("BSpace", "BSpace", "BSpace", "BSpace")
	p.types("见")
	p.shows("> 明天下午见")
	p.sends("明天下午见")
	p.shows(">")

	// The ninth ends in the last column; the tenth begins the next row.
	p.types("一二三四五六七八九")
	p.shows("> 一二三四五六七八九")
	p.types("十")
	p.shows("> 一二三四五六七八九", "十")
	p.presses("BSpace", "BSpace", "BSpace")
	p.types("x")
	p.shows("> 一二三四五六七x")
	p.types("八九") // the last does not fit any more
	p.shows("> 一二三四五六七x八", "九")
	p.presses("Home")
	p.types("a")
	p.shows("> a一二三四五六七x八", "九")
	p.presses("Right", "Right", "DC", "End", "Left", "BSpace")
	p.shows("> a一二四五六七x九")
	p.sends("a一二四五六七x九")

	// Output stands above the line that is being typed.
	p.types("写一半写一半写一半")
	fmt.Fprintln(p.conn, "hello")
	p.shows("> 写一半写一半写一半")
	p.has("bob: hello\n> 写一半写一半写一半")
	p.sends("写一半写一半写一半")

	// A paste, with its marks, and what it holds of two columns and of none.
	p.do("set-buffer", "cafe\u0301 和茶 👍")
	p.do("paste-buffer")
	p.shows("> cafe\u0301 和茶 👍")
	p.presses("BSpace", "BSpace", "BSpace", "BSpace", "BSpace", "BSpace")
	p.shows("> caf")
	p.sends("caf")
	p.types("\x1b[200~粘贴\x1b[201~的")
	p.shows("> 粘贴的")
	p.presses("C-w")
	p.shows(">")
	p.presses("Up", "Up")
	p.shows("> 写一半写一半写一半")
	p.sends("写一半写一半写一半")
}
