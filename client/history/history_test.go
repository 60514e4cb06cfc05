package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
)

func message(n int64, text string) proto.Message {
	id := fmt.Sprintf("m%d", n)
	at := proto.Position{Epoch: 0xaa, Number: n, Key: proto.Key(7, id)}
	return proto.Message{ID: id, From: 7, FromName: "bob", To: 42, Text: text, Time: 1000 + n, At: at}
}

func open(t *testing.T, path string) *File {
	t.Helper()
	h, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func fill(t *testing.T, h *File, from, to int64) {
	t.Helper()
	for n := from; n <= to; n++ {
		m := message(n, fmt.Sprintf("text %d <&> 你好\nline", n))
		if err := h.Append(m.At, &m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReopenedHistoryKnowsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "h")
	h := open(t, path)
	if err := h.Bind(42); err != nil {
		t.Fatal(err)
	}
	fill(t, h, 1, 200)
	skip := proto.Position{Epoch: 0xaa, Number: 203, Key: "7:x"}
	if err := h.Append(skip, nil); err != nil {
		t.Fatal(err)
	}
	want := h.Positions(proto.Inbox)
	h.Close()

	h = open(t, path)
	if got := h.Positions(proto.Inbox); !reflect.DeepEqual(got, want) || got[0] != skip {
		t.Errorf("positions after reopening: %v, want %v", got, want)
	}
	if len(want) != recent+1 || want[recent].Number != 1 {
		t.Errorf("%d positions, the last is %v: want %d and the first of the epoch", len(want), want[len(want)-1], recent+1)
	}
	if !h.Has("7:m1") || !h.Has("7:m200") || h.Has("7:m201") || h.Has("7:x") {
		t.Error("keys after reopening are wrong")
	}
	if err := h.Bind(43); !errors.Is(err, ErrOtherUser) {
		t.Errorf("bind to another user: %v", err)
	}
}

// A crash in the middle of a write may leave any prefix of the file.
func TestCutAtEveryByteLosesAtMostTheLastRecord(t *testing.T) {
	dir := t.TempDir()
	h := open(t, filepath.Join(dir, "whole"))
	fill(t, h, 1, 5)
	h.Close()
	whole, err := os.ReadFile(filepath.Join(dir, "whole"))
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		path := filepath.Join(dir, "cut")
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		complete := int64(bytes.Count(whole[:cut], []byte("\n")))
		h := open(t, path)
		last := int64(0)
		if p := h.Positions(proto.Inbox); len(p) > 0 {
			last = p[0].Number
		}
		if last != complete {
			t.Fatalf("cut at %d: last is %d, want %d", cut, last, complete)
		}
		fill(t, h, last+1, 6)
		h.Close()
		h = open(t, path)
		if p := h.Positions(proto.Inbox); p[0].Number != 6 || len(p) != 6 {
			t.Fatalf("cut at %d: after going on %v", cut, p)
		}
		h.Close()
	}
}

func TestFailedWriteIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	h := open(t, path)
	fill(t, h, 1, 1)
	good := h.file
	if h.file, _ = os.Open(path); h.file == nil { // read only: writes fail
		t.Fatal("cannot open again")
	}
	m := message(2, "lost?")
	if err := h.Append(m.At, &m); err == nil {
		t.Fatal("no error from a failed write")
	}
	if h.Has(m.Key()) {
		t.Error("a failed append is remembered")
	}
	h.file.Close()
	h.file = good
	if _, err := good.WriteAt([]byte(strings.Repeat("torn", 200)), h.size); err != nil {
		t.Fatal(err)
	}
	fill(t, h, 2, 3)
	h.Close()
	if p := open(t, path).Positions(proto.Inbox); p[0].Number != 3 || len(p) != 3 {
		t.Errorf("positions %v", p)
	}
}

func TestDamagedLineCostsOnlyItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	h := open(t, path)
	fill(t, h, 1, 3)
	h.Close()
	b, _ := os.ReadFile(path)
	b[bytes.IndexByte(b, '\n')+30] ^= 1
	os.WriteFile(path, b, 0o600)
	h = open(t, path)
	if !h.Has("7:m1") || h.Has("7:m2") || !h.Has("7:m3") {
		t.Error("want the second record gone and no other")
	}
}

func TestOtherFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter")
	os.WriteFile(path, []byte("dear bob,\nyours alice\n"), 0o600)
	if _, err := Open(path, Options{}); !errors.Is(err, ErrNotHistory) {
		t.Errorf("open: %v", err)
	}
	if b, _ := os.ReadFile(path); len(b) == 0 {
		t.Error("the file was emptied")
	}
}

func TestTwoDoNotShareAHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	h := open(t, path)
	if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v", err)
	}
	h.Close()
	open(t, path)
}

func TestClosedHistoryRefuses(t *testing.T) {
	h, err := Open(filepath.Join(t.TempDir(), "h"), Options{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, h, 1, 1)
	if err := errors.Join(h.Close(), h.Close()); err != nil {
		t.Fatal(err)
	}
	m := message(2, "")
	if err := h.Append(m.At, &m); !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if _, err := h.Search("x", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("search: %v", err)
	}
}

func TestSearchAndConversation(t *testing.T) {
	h := open(t, filepath.Join(t.TempDir(), "h"))
	for n, text := range []string{"Tea?", "coffee", "more TEA", "tea again"} {
		m := message(int64(n+1), text)
		if n == 1 {
			m.To, m.Group = 0, proto.Everyone
		}
		if err := h.Append(m.At, &m); err != nil {
			t.Fatal(err)
		}
	}
	texts := func(list []proto.Message, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range list {
			out = append(out, m.Text)
		}
		return strings.Join(out, "|")
	}
	if got := texts(h.Search("tEa", 2)); got != "more TEA|tea again" {
		t.Errorf("search: %s", got)
	}
	if got := texts(h.Conversation(7, 10)); got != "Tea?|more TEA|tea again" {
		t.Errorf("conversation: %s", got)
	}
	joined := message(5, "")
	joined.Kind = proto.Kind_JOIN
	if err := h.Append(joined.At, &joined); err != nil {
		t.Fatal(err)
	}
	if got := texts(h.From(7, 3)) + texts(h.From(8, 3)); got != "coffee|more TEA|tea again" {
		t.Errorf("from one user: %s", got)
	}
	if got := texts(h.Conversation(8, 10)); got != "" {
		t.Errorf("conversation with a stranger: %s", got)
	}
}

func TestNewEpochHasItsOwnFirstPosition(t *testing.T) {
	h := NewMemory()
	for n := range int64(100) {
		h.Append(proto.Position{Epoch: 1, Number: n + 1}, nil)
	}
	h.Append(proto.Position{Epoch: 2, Number: 1}, nil)
	p := h.Positions(proto.Inbox)
	if p[0].Epoch != 2 || p[len(p)-1] != p[0] && p[len(p)-1].Epoch != 2 {
		t.Errorf("positions %v ... %v", p[0], p[len(p)-1])
	}
}

func TestMemoryForgetsTheOldest(t *testing.T) {
	h := NewMemory()
	h.index.limit = 3
	for n := range int64(5) {
		m := message(n, "")
		h.Append(m.At, &m)
	}
	if h.Has("7:m1") || !h.Has("7:m2") || len(h.index.keys) != 3 {
		t.Error("want the latest three")
	}
	if err := errors.Join(h.Bind(1), h.Bind(1)); err != nil {
		t.Error(err)
	}
	if err := h.Bind(2); !errors.Is(err, ErrOtherUser) {
		t.Errorf("bind to another: %v", err)
	}
}

func TestPathIsSafeForAnyName(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"alice", "Alice", "../../etc", "a/b", "张三", "", strings.Repeat("长", 64), "con"} {
		p := Path("dir", name, "laptop")
		if filepath.Dir(p) != "dir" || len(filepath.Base(p)) > 100 {
			t.Errorf("path of %q: %s", name, p)
		}
		if other, ok := seen[strings.ToLower(p)]; ok {
			t.Errorf("%q and %q share %s", name, other, p)
		}
		seen[strings.ToLower(p)] = name
	}
}

func FuzzScan(f *testing.F) {
	m := message(1, "hi")
	line, _ := record{Message: &m}.encode()
	user, _ := record{User: 42}.encode()
	f.Add(append(append([]byte{}, user...), line...))
	f.Add(line[:len(line)-3])
	f.Add([]byte("00000000 {}\n\n\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records := 0
		size, _, err := scan(bytes.NewReader(b), func(r record) {
			records++
			if r.User == 0 {
				r.position()
			}
		})
		if err != nil || size > int64(len(b)) {
			t.Fatalf("size %d of %d, err %v", size, len(b), err)
		}
		again := 0
		if n, _, _ := scan(bytes.NewReader(b[:size]), func(record) { again++ }); n != size || again != records {
			t.Fatalf("what is kept reads differently: %d of %d bytes, %d of %d records", n, size, again, records)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	h, err := Open(filepath.Join(b.TempDir(), "h"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	m := message(1, "a message of usual length, some sixty characters of text here")
	for b.Loop() {
		m.At.Number++
		if err := h.Append(m.At, &m); err != nil {
			b.Fatal(err)
		}
	}
}
