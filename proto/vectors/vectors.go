// Package vectors has the rules for the order of a log as test cases, for all
// implementations of a follower. README.md explains the fields.
package vectors

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed *.json
var files embed.FS

// Case is one rule, as a sequence of steps with one log.
type Case struct {
	Name  string // the file's name, a slash, and the case's name
	For   []string
	Log   int64
	Known []Entry
	Steps []Step
}

// Step is one input and the outputs that it must cause. A step uses only the fields
// that are not empty.
type Step struct {
	Login   *Login
	Push    *Entry
	Prev    string
	Newest  *Entry
	Page    *Page
	Refused string
	Wait    bool

	Show []string
	Pull *Entry
	At   *Entry
}

// Login is a login answer.
type Login struct{ Newest, Cursors []Entry }

// Page is the answer to a pull.
type Page struct {
	Oldest   int64
	Newest   Entry
	Messages []Entry
	Through  *Entry
}

// End returns the last entry that the route read for the page.
func (p *Page) End() Entry {
	switch n := len(p.Messages); {
	case p.Through != nil:
		return *p.Through
	case n > 0:
		return p.Messages[n-1]
	}
	return Entry{}
}

// Entry is an entry, or a position. The zero Entry is before the oldest one.
type Entry struct {
	Epoch  uint64
	Number int64
	Key    string
	Kind   string // empty: a text
}

// UnmarshalText reads EPOCH/NUMBER/KEY, with an optional kind after a space.
func (e *Entry) UnmarshalText(text []byte) (err error) {
	if string(text) == "0" {
		return nil
	}
	place, kind, _ := strings.Cut(string(text), " ")
	part := strings.Split(place, "/")
	if len(part) != 3 {
		return fmt.Errorf("position %q: want EPOCH/NUMBER/KEY", text)
	}
	e.Key, e.Kind = part[2], kind
	if e.Epoch, err = strconv.ParseUint(part[0], 16, 64); err != nil {
		return fmt.Errorf("position %q: %w", text, err)
	}
	if e.Number, err = strconv.ParseInt(part[1], 10, 64); err != nil {
		return fmt.Errorf("position %q: %w", text, err)
	}
	return nil
}

// Of returns the cases for the follower with this name. If they cannot be read, it fails
// the test.
func Of(t testing.TB, follower string) (list []Case) {
	t.Helper()
	names, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := files.ReadFile(name.Name())
		if err != nil {
			t.Fatal(err)
		}
		var cases []Case
		if err := json.Unmarshal(b, &cases); err != nil {
			t.Fatalf("%s: %v", name.Name(), err)
		}
		for _, c := range cases {
			c.Name = strings.TrimSuffix(name.Name(), path.Ext(name.Name())) + "/" + c.Name
			if c.For == nil || slices.Contains(c.For, follower) {
				list = append(list, c)
			}
		}
	}
	return list
}
