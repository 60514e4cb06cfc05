package format

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const account = `{"kind":"account","user":1,"name":"alice"}`

func TestBadLineIsNamed(t *testing.T) {
	for bad, why := range map[string]string{
		``: "cut off", // the header announces an end line
		`{"kind":"account","user":1,"name":"alice"`:                                                "no JSON",
		`{"kind":"robot","user":1}`:                                                                `kind "robot" is not known`,
		`{"kind":"account","user":1,"name":"alice","age":7}`:                                       `unknown field "age"`,
		`{"kind":"account","user":"1","name":"alice"}`:                                             "cannot unmarshal",
		account + account:                                                                          "after top-level value",
		`{"kind":"message","from":1,"id":"a","text":"hi"}`:                                         "needs either to",
		`{"kind":"message","from":1,"to":2,"group":3,"id":"a","text":"hi"}`:                        "needs either to",
		`{"kind":"message","from":1,"to":2,"text":"hi"}`:                                           "lacks an id",
		`{"kind":"message","from":1,"to":2,"id":"a","text":""}`:                                    "lacks a text",
		`{"kind":"message","from":1,"to":2,"in":3,"id":"a","text":"hi"}`:                           "in is not its sender",
		`{"kind":"message","to":2,"id":"a","text":"hi"}`:                                           "lacks from",
		"{\"kind\":\"message\",\"from\":1,\"to\":2,\"id\":\"a\",\"text\":\"\xff\"}":                "UTF-8",
		`{"kind":"group","group":1,"creator":1}`:                                                   "want 2 to",
		`{"kind":"member","group":5}`:                                                              "is no id",
		`{"kind":"account","user":1,"name":"alice","credential":"plain"}`:                          "Argon2id",
		`{"kind":"account","user":1,"name":"alice","subject":"17"}`:                                "needs both",
		`{"kind":"account","user":1,"name":"alice","issuer":"host","subject":"17","password":"x"}`: "no credential",
		`{"kind":"end","records":5}`:                                                               "1 records came before it",
	} {
		lines := []string{`{"kind":"cim","version":1,"ends":true}`, account}
		if bad != "" {
			lines = append(lines, bad, account)
		} else {
			lines = append(lines, account)
		}
		err := Check(strings.NewReader(strings.Join(lines, "\n")))
		if !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want line 3 and %q", bad, err, why)
		}
	}
}

func TestFileBeginsWithItsHeader(t *testing.T) {
	for _, file := range []string{"", account, `{"kind":"cim","version":2}`} {
		if err := Check(strings.NewReader(file)); !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestNothingStandsBehindTheEnd(t *testing.T) {
	file := headerText + "\n" + `{"kind":"end","records":0}`
	if err := Check(strings.NewReader(file)); err != nil {
		t.Error(err)
	}
	if err := Check(strings.NewReader(file + "\n" + account)); !errors.Is(err, ErrLine) || !strings.Contains(err.Error(), "after") {
		t.Errorf("a line behind the end: %v", err)
	}
}

// A record has the number of its line in the file, and empty lines count. A field that
// a line lacks has its default.
func TestRecordsHaveTheNumbersOfTheirLines(t *testing.T) {
	in, err := NewReader(strings.NewReader(headerText + "\n\n" + account + "\n" + `{"kind":"group","group":5,"creator":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for l, err := in.Next(); err == nil; l, err = in.Next() {
		got = append(got, fmt.Sprintf("%d %s %+v", l.Number, l.Kind, l.Value))
	}
	want := []string{
		"3 account &{Kind:account User:1 Name:alice Credential: Password: Issuer: Subject: Role:}",
		"4 group &{Kind:group Group:5 Name: Creator:1 Request:import}",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
