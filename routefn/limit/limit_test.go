package limit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, change := range map[string]func(*Limits){
		"":                       func(*Limits) {},
		"# nothing\n\n":          func(*Limits) {},
		"messages = 5/s":         func(l *Limits) { l.Messages = Rate{200 * time.Millisecond, 50} },
		"messages=5/s burst 7":   func(l *Limits) { l.Messages = Rate{200 * time.Millisecond, 7} },
		"group = 60/min # often": func(l *Limits) { l.Group = Rate{time.Second, 60} },
		"inbox = off":            func(l *Limits) { l.Inboxes = false },
		"messages = 24/d":        func(l *Limits) { l.Messages = Rate{time.Hour, 24} },
		"group-member = off\n\ngroup = 2/h burst 9": func(l *Limits) {
			l.GroupMember, l.Group = Rate{}, Rate{30 * time.Minute, 9}
		},
	} {
		want := Default()
		change(&want)
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q gives %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestMistakesNameFileLineAndKey(t *testing.T) {
	for text, want := range map[string]string{
		"\nmessages 5":                     `:2: "messages 5": want name = value`,
		"mesages = 5/s":                    ":1: mesages: no such limit, want one of messages, group-member, group, receivers",
		"group = 5/h\ngroup = 6/h":         ":2: group: line 1 sets it already",
		"group = many":                     `:1: group: "many": want N/s`,
		"group = 5/week":                   `:1: group: "5/week": want N/s`,
		"group = 5/h burst":                `:1: group: "5/h burst": want N/s`,
		"group = 0/h":                      `:1: group: "0/h": want a number from 1`,
		"messages = 1/s burst 100000000":   `want a number from 1`,
		"inbox = 100":                      `:1: inbox: "100": want on or off`,
		"group-member = -1/s\nnonsense\n=": ":1: group-member:",
	} {
		path := filepath.Join(t.TempDir(), "limits")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.HasPrefix(err.Error(), "limits in "+path+":") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives the error %v, want %s%s", text, err, path, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that does not exist is read")
	}
}

// The defaults are those that LIMITS.md and the package's text name.
func TestRatesReadAsWritten(t *testing.T) {
	d := Default()
	for want, got := range map[string]Rate{
		"20/s burst 200": d.Messages, "10/s burst 100": d.GroupMember, "100/s burst 500": d.Group,
		"1/min burst 10": d.WrongPasswords, "1/min burst 100": d.WrongPasswordsKnown, "20/h burst 100": d.Registrations,
		"100/h burst 100": d.Receivers, "10/h burst 10": d.Groups, "5000/h burst 5000": d.Pulls, "10/min burst 600": d.Refreshes, "20/h burst 20": d.Reports, "off": {},
	} {
		if got.String() != want {
			t.Errorf("%+v is written %q, want %q", got, got, want)
		}
		var again Rate
		if err := again.set(want); err != nil || again != got {
			t.Errorf("%q is read as %+v, %v", want, again, err)
		}
	}
	if len(Names()) != 13 {
		t.Errorf("limits are %v", Names())
	}
}
