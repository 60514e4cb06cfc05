package migrate

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/record"
)

// alice gets what it wrote, what it was sent, and what it may read in its groups. It gets
// nothing that bob and carol have among themselves.
func TestExportOfOneAccountHasWhatConcernsIt(t *testing.T) {
	s := fresh(t)
	importLines(t, Config{Store: s},
		`{"kind":"account","user":1,"name":"alice","credential":"`+credential+`"}`,
		`{"kind":"account","user":2,"name":"bob","credential":"`+credential+`"}`,
		`{"kind":"account","user":3,"name":"carol"}`,
		`{"kind":"group","group":10,"name":"friends","creator":2}`,
		`{"kind":"member","group":10,"user":2}`,
		`{"kind":"message","from":2,"group":10,"id":"early","text":"before alice came"}`,
		`{"kind":"member","group":10,"user":1}`,
		`{"kind":"message","from":2,"group":10,"id":"late","text":"welcome, alice"}`,
		`{"kind":"message","from":1,"group":10,"id":"thanks","text":"thank you"}`,
		`{"kind":"group","group":11,"name":"others","creator":2}`,
		`{"kind":"member","group":11,"user":2}`,
		`{"kind":"member","group":11,"user":3}`,
		`{"kind":"message","from":3,"group":11,"id":"secret","text":"without alice"}`,
		`{"kind":"message","from":1,"group":1,"id":"loud","text":"alice to everyone"}`,
		`{"kind":"message","from":2,"group":1,"id":"loud","text":"bob to everyone"}`,
		`{"kind":"message","from":1,"to":2,"id":"a1","text":"to bob"}`,
		`{"kind":"message","from":1,"to":2,"in":1,"id":"a1","text":"to bob"}`,
		`{"kind":"message","from":2,"to":1,"id":"b1","text":"to alice"}`,
		`{"kind":"message","from":2,"to":3,"id":"b2","text":"to carol"}`,
	)
	var b bytes.Buffer
	r, err := ExportUser(t.Context(), ExportConfig{Store: s}, 1, &b)
	if err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		`"kind":"account","user":1,"name":"alice"`, `"kind":"group","group":10,"name":"friends"`, `"kind":"member","group":10,"user":1`,
		"welcome, alice", "thank you", "alice to everyone", `"in":1`, "to alice", "bob to everyone",
	} {
		if strings.Count(out, want) != 1 {
			t.Errorf("%s is there %d times, want once", want, strings.Count(out, want))
		}
	}
	for _, foreign := range []string{"before alice came", "others", "without alice", "to carol", `"user":2`, `"user":3`, "argon2"} {
		if strings.Contains(out, foreign) {
			t.Errorf("alice gets %q", foreign)
		}
	}
	if r.Accounts.New != 1 || r.Groups.New != 1 || r.Messages.New != 6 {
		t.Errorf("counted %d accounts, %d groups, %d messages", r.Accounts.New, r.Groups.New, r.Messages.New)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, `"kind":"end","records":9`) || !strings.Contains(lines[0], `"kind":"`+format.KindHeader) {
		t.Errorf("it begins with %s and ends with %s", lines[0], last)
	}
	if t.Failed() {
		t.Log(out)
	}
	var none bytes.Buffer
	if _, err := ExportUser(t.Context(), ExportConfig{Store: s}, 9, &none); !errors.Is(err, record.ErrNoUser) || none.Len() > 0 {
		t.Errorf("an account that is not there: %v, %q", err, none.String())
	}
}
