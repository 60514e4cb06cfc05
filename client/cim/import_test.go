package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/migrate/javacim"
	"github.com/cim-go/cim/routefn/record/redistest"
)

func startRedis(t *testing.T) *redistest.Server {
	t.Helper()
	s, err := redistest.Redis(wait.Context(t), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// importWith runs cim import and returns what it printed.
func importWith(t *testing.T, status int, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append([]string{"import"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("cim import %q: %v, want status %d\n%s%s", args, err, status, &out, &stderr)
	}
	return out.String()
}

// Users of CIM log in with their old id after the import. They are shown the waiting
// messages once, in order, each under the name of its sender. That holds for our own
// client, too.
func TestUsersOfCIMAreShownWhatWaitedAfterAnImport(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	const alice, bob, carol = 1547028929407, 1547028929408, 1547028929409
	var d javacim.Data
	d.Account(alice, "alice")
	d.Account(bob, "bob")
	d.Account(carol, "carol")
	at := time.Now().Add(-time.Hour)
	for _, m := range []struct {
		from int64
		name string
		text string
	}{{bob, "bob", "one"}, {bob, "bob", "two"}, {carol, "carol", "three"}, {bob, "bob", "four"}} {
		d.Waits(m.from, m.name, alice, m.text, at)
	}
	d.Waits(alice, "alice", carol, "hello", at)
	d.Waits(bob, "bob", carol, "hi", at)
	if err := redis.Load(t.Context(), d.Commands); err != nil {
		t.Fatal(err)
	}
	s := newSystem(t, plan{store: redis.URL()})
	importWith(t, process.ExitOK, "-redis", redis.URL())
	importWith(t, process.ExitOK, "-redis", redis.URL())

	// connectCIM registers first, which must answer with the old id.
	if user := cimRegister(t, s.url, "alice"); user != alice {
		t.Fatalf("alice is user %d", user)
	}
	c := s.connectCIM("alice")
	if got, want := c.texts(4), []string{"bob: one", "bob: two", "carol: three", "bob: four"}; !slices.Equal(got, want) {
		t.Fatalf("alice was shown %q, want %q", got, want)
	}
	eventually(t, "the cursor is behind what was taken", func() bool {
		c.quiet()
		return s.cursor(alice) == 4+1 // the log's genesis is the first entry
	})
	c.conn.Close()
	s.offline(alice)
	importWith(t, process.ExitOK, "-redis", redis.URL())
	if code := privately(t, s.url, bob, alice, "five"); code != "7000" {
		t.Fatalf("message to somebody offline: %s", code)
	}
	c = s.connectCIM("alice")
	if got := c.texts(1); got[0] != "bob: five" {
		t.Errorf("alice was then shown %q", got)
	}

	native := connectAs(t, client.Config{Routes: []string{s.url}, Name: "carol", Device: "phone"})
	if got := shown(t, native, 2); native.Self().User != carol || !slices.Equal(got, []string{"hello", "hi"}) {
		t.Errorf("carol, user %d, was shown %q", native.Self().User, got)
	}
}

// In password mode nobody takes an imported account over: it has no password until an
// operator gives it one.
func TestImportedAccountIsNobodysUntilItHasAPassword(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	var d javacim.Data
	const alice = 1547028929407
	d.Account(alice, "alice")
	if err := redis.Load(t.Context(), d.Commands); err != nil {
		t.Fatal(err)
	}
	s := newSystem(t, plan{store: redis.URL(), route: func(c *routefn.Config) { c.Auth = routefn.AuthPassword }})
	importWith(t, process.ExitOK, "-redis", redis.URL())
	register := func(password string) proto.Code {
		return post(t, s.url+proto.PathRegister, "", proto.RegisterRequest{Name: "alice", Password: password}, nil)
	}
	login := func(password string) proto.Code {
		return post(t, s.url+proto.PathLogin, "", proto.LoginRequest{User: alice, Password: password, Device: "phone"}, nil)
	}
	if code := register("stolen"); code != proto.NameTaken {
		t.Errorf("who comes first: %v", code)
	}
	for _, password := range []string{"", "stolen"} {
		if code := login(password); code != proto.WrongPassword {
			t.Errorf("login with %q: %v", password, code)
		}
	}
	file := filepath.Join(t.TempDir(), "passwords.jsonl")
	lines := `{"kind":"cim","version":1}` + "\n" + fmt.Sprintf(`{"kind":"account","user":%d,"name":"alice","password":"hers"}`, alice)
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	importWith(t, process.ExitOK, file, "-redis", redis.URL())
	if code := login("hers"); code != proto.OK {
		t.Errorf("login with the password: %v", code)
	}
	if code := login("stolen"); code != proto.WrongPassword {
		t.Errorf("login with another one: %v", code)
	}
}

// The status tells what became of an import, and its arguments may stand in any order.
func TestStatusOfAnImport(t *testing.T) {
	t.Parallel()
	redis := startRedis(t)
	dir := t.TempDir()
	write := func(name, lines string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(`{"kind":"cim","version":1}`+"\n"+lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", `{"kind":"account","user":1,"name":"alice"}`)
	clash := write("clash", `{"kind":"account","user":2,"name":"alice"}`)
	bad := write("bad", `{"kind":"account","user":3,"name":"carol"}`+"\n"+`{"kind":"robot"}`)
	at := "-redis=" + redis.URL()
	importWith(t, process.ExitUsage, at, "-from", redis.URL(), good)
	importWith(t, process.ExitError, at, filepath.Join(dir, "nowhere"))
	importWith(t, process.ExitError, bad, at)
	importWith(t, process.ExitOK, at, "-dry-run", good)
	importWith(t, process.ExitOK, at, good)
	if out := importWith(t, process.ExitParts, at, clash, "-json"); !strings.Contains(out, `{"left":{"kind":"account","user":2,"name":"alice","line":2,"reason":"the name belongs to 1 here"}}`) ||
		!strings.Contains(out, `"accounts":{"new":0,"there":0,"left":1}`) {
		t.Error(out)
	}
	if out := exported(t, redis.URL()); strings.Contains(out, "carol") || !strings.Contains(out, "alice") {
		t.Errorf("a file with a bad line was imported in part:\n%s", out)
	}
}

// exported runs cim export.
func exported(t *testing.T, url string) string {
	t.Helper()
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "export", "-redis", url).Output()
	if err != nil {
		t.Fatalf("cim export: %v", err)
	}
	return string(out)
}

// An import that is killed ten times and begun anew each time makes what one in a piece
// makes. CIM_TEST_LONG makes it 100,000 accounts and 1,000,000 messages.
func TestImportThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	accounts, messages := 300, 3_000
	if long() {
		accounts, messages = 100_000, 1_000_000
	}
	java, store := startRedis(t), startRedis(t)
	fillJava(t, java, accounts, messages)
	var want string
	var size int64
	for range 2 { // the first time also loads the scripts into the server
		empty(t, store)
		way := newWay(t, store.Addr())
		begun := time.Now()
		out := importWith(t, process.ExitOK, "-from", java.URL(), "-redis", way.url())
		t.Logf("in one piece, %.1f s:\n%s", time.Since(begun).Seconds(), out)
		want, size = exported(t, store.URL()), way.sent.Load()
	}
	if n := strings.Count(want, "\n"); n != accounts+messages+2 {
		t.Fatalf("%d lines were exported, want %d", n, accounts+messages+2)
	}
	empty(t, store)
	program, err := exec.LookPath("cim")
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for k := range int64(10) {
		way := newWay(t, store.Addr())
		cmd := exec.Command(program, "import", "-from", java.URL(), "-redis", way.url())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		limit := size * (k + 1) / 22 // what is there already takes less
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		eventually(t, fmt.Sprintf("import %d has sent %d bytes, or has ended", k, limit), func() bool {
			return way.sent.Load() >= limit || len(ended) > 0
		})
		_ = cmd.Process.Kill()
		if err := <-ended; err != nil {
			kills++
		}
	}
	if kills == 0 {
		t.Error("no import was killed")
	}
	t.Logf("%d of 10 were killed in the middle", kills)
	importWith(t, process.ExitOK, "-from", java.URL(), "-redis", store.URL())
	if got := exported(t, store.URL()); got != want {
		t.Errorf("%d lines were exported after ten kills, want the %d of an import in one piece", strings.Count(got, "\n"), strings.Count(want, "\n"))
	}
}

func empty(t *testing.T, s *redistest.Server) {
	t.Helper()
	if err := s.Load(t.Context(), [][]any{{"flushall"}}); err != nil {
		t.Fatal(err)
	}
}

func fillJava(t *testing.T, s *redistest.Server, accounts, messages int) {
	t.Helper()
	const first = 1547028929407
	var d javacim.Data
	flush := func(most int) {
		t.Helper()
		if len(d.Commands) > most {
			if err := s.Load(t.Context(), d.Commands); err != nil {
				t.Fatal(err)
			}
			d.Commands = nil
		}
	}
	for i := range accounts {
		d.Account(int64(first+i), fmt.Sprint("user", i))
		flush(10_000)
	}
	at := time.Now().Add(-24 * time.Hour)
	for i := range messages {
		from := (i * 7919) % accounts
		d.Waits(int64(first+from), fmt.Sprint("user", from), int64(first+(i*104_729)%accounts), fmt.Sprint("message ", i), at.Add(time.Duration(i)*time.Millisecond))
		flush(10_000)
	}
	flush(0)
}

// way leads to a server and counts what is sent there.
type way struct {
	net.Listener
	sent atomic.Int64
}

func newWay(t *testing.T, target string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &way{Listener: l}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				return
			}
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() { _, _ = io.Copy(io.MultiWriter(tally{&w.sent}, out), in); out.Close() }()
		}
	}()
	return w
}

func (w *way) url() string { return "redis://" + w.Addr().String() }

type tally struct{ n *atomic.Int64 }

func (c tally) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}
