package process

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFileIsReadAgainAndABrokenOneChangesNothing(t *testing.T) {
	const before, after = "the key before the change", "the key after it"
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var used []string
	var refuse error
	k := KeyFlag{Name: "cluster-key", Now: [][]byte{[]byte(before)}, Log: slog.New(slog.DiscardHandler), Use: func(keys ...[]byte) error {
		if refuse == nil {
			used = append(used, string(bytes.Join(keys, []byte("+"))))
		}
		return refuse
	}}
	failed := func(text string) {
		t.Helper()
		n := len(used)
		write(text)
		if err := k.Again("file:" + path); err == nil || !strings.Contains(err.Error(), "-cluster-key") {
			t.Errorf("%q: %v, want an error that names the flag", text, err)
		}
		if len(used) != n {
			t.Errorf("%q: is used", text)
		}
	}
	good := func(text, want string) {
		t.Helper()
		write(text)
		if err := k.Again("file:" + path); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := strings.Join(used, " "); got != want {
			t.Errorf("%q: used are %q, want %q", text, got, want)
		}
	}
	good(before+"\n", "") // as it was
	failed("")
	failed("short")
	failed(before + "\nshort")
	if err := k.Again("file:" + path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := k.Again(""); !errors.Is(err, errRestart) {
		t.Errorf("no key any more: %v", err)
	}
	refuse = errors.New("not now")
	failed(after)
	refuse = nil
	both := before + "+" + after
	good(before+"\n"+after, both)
	good(before+"\n\n"+after+"\n", both) // the same
	good(after, both+" "+after)
}

func TestKeyThatIsGivenItselfIsSaidToStay(t *testing.T) {
	const key = "0123456789 abcdef"
	var out bytes.Buffer
	k := KeyFlag{Name: "route-key", Now: [][]byte{[]byte(key)}, Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if err := k.Again(key); err != nil || !strings.Contains(out.String(), "flag=-route-key") {
		t.Errorf("%v, logged is %q", err, &out)
	}
	if strings.Contains(out.String(), key) {
		t.Error("the log has the key")
	}
}
