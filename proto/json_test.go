package proto

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

func TestJSONFormLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyFrame.Draw(t, "frame")
		b, err := AppendJSON([]byte("before"), want)
		if err != nil {
			t.Fatal(err)
		}
		text, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok {
			t.Fatalf("the buffer was overwritten: %s", b)
		}
		var got Frame
		if err := got.UnmarshalJSON(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !proto.Equal(&got, want) {
			t.Fatalf("decoded %v, want %v", &got, want)
		}
	})
}

func TestJSONLeavesOutWhatOnlyCIMUses(t *testing.T) {
	text, err := AppendJSON(nil, &Frame{
		Cmd: Command_PING, RequestId: 42, Properties: map[string]string{"a": "b"}, BatchReqMsg: []string{"c"},
	})
	if err != nil || string(text) != `{"cmd":"ping"}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestCommandWithoutANameHasNoJSON(t *testing.T) {
	b := []byte("before")
	if got, err := AppendJSON(b, &Frame{Cmd: 99}); err == nil || string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestJSONIsReadStrictly(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                    ``,
		"null":                       `null`,
		"a list":                     `[]`,
		"no command":                 `{}`,
		"an unknown command":         `{"cmd":"fly"}`,
		"a command's number":         `{"cmd":17}`,
		"a number for a name":        `{"cmd":"17"}`,
		"a command in capitals":      `{"cmd":"SEND"}`,
		"a command with underscores": `{"cmd":"send_answer"}`,
		"a letter that folds to s":   `{"cmd":"ſend"}`,
		"an unknown field":           `{"cmd":"ping","extra":1}`,
		"an unknown field inside":    `{"cmd":"ack","cursors":[{"log":0,"extra":1}]}`,
		"a field of CIM":             `{"cmd":"ping","requestId":1}`,
		"a text that is a number":    `{"cmd":"send","text":1}`,
		"an id that is a text":       `{"cmd":"send","to":"43"}`,
		"an id with a fraction":      `{"cmd":"send","to":43.5}`,
		"an id with an exponent":     `{"cmd":"send","to":4e1}`,
		"an id above 64 bits":        `{"cmd":"send","to":9223372036854775808}`,
		"a code above 32 bits":       `{"cmd":"kick","code":4294967296}`,
		"an epoch that is a number":  `{"cmd":"ack","cursors":[{"log":0,"epoch":1,"number":1}]}`,
		"an epoch that is not hex":   `{"cmd":"ack","cursors":[{"log":0,"epoch":"xyz","number":1}]}`,
		"an epoch that is too long":  `{"cmd":"ack","cursors":[{"log":0,"epoch":"00000000000000001","number":1}]}`,
		"a second value":             `{"cmd":"ping"}{"cmd":"ping"}`,
		"something behind":           `{"cmd":"ping"} x`,
		"a comma too many":           `{"cmd":"ping",}`,
		"half a frame":               `{"cmd":"pi`,
		"a byte order mark":          "\ufeff" + `{"cmd":"ping"}`,
		"text that is not UTF-8":     `{"cmd":"send","text":"` + "\xff" + `"}`,
		"a surrogate in UTF-8":       `{"cmd":"send","text":"` + "\xed\xa0\x80" + `"}`,
		"deep nesting":               `{"at":` + strings.Repeat("[", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			f := Frame{Id: "old"}
			if err := f.UnmarshalJSON([]byte(text)); !errors.Is(err, ErrBadFrame) {
				t.Errorf("decoded %v, error %v", &f, err)
			}
			if f.Id != "old" {
				t.Error("the frame was changed")
			}
		})
	}
}

func TestJSONErrorDoesNotRepeatTheFrame(t *testing.T) {
	err := new(Frame).UnmarshalJSON([]byte(`{"` + strings.Repeat("x", 10_000) + `":1}`))
	if err == nil || len(err.Error()) > 200 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// TestJSONLibertiesAreKnown pins what UnmarshalJSON's comment admits.
func TestJSONLibertiesAreKnown(t *testing.T) {
	for text, want := range map[string]*Frame{
		` {"CMD" : "ping"} ` + "\n":          {Cmd: Command_PING},
		`{"cmd":"send","cmd":"ping"}`:        {Cmd: Command_PING},
		`{"cmd":"send","text":"\ud83d"}`:     {Cmd: Command_SEND, ReqMsg: "\ufffd"},
		`{"cmd":"send","text":null}`:         {Cmd: Command_SEND},
		`{"cmd":"send","at":{"epoch":"e0"}}`: {Cmd: Command_SEND, At: &Mark{Epoch: 0xe0}},
		`{"cmd":"send","at":{"epoch":"E0"}}`: {Cmd: Command_SEND, At: &Mark{Epoch: 0xe0}},
		`{"cmd":"send","at":{"epoch":""}}`:   {Cmd: Command_SEND, At: &Mark{}},
	} {
		var f Frame
		if err := f.UnmarshalJSON([]byte(text)); err != nil || !proto.Equal(&f, want) {
			t.Errorf("%s decoded into %v, %v", text, &f, err)
		}
	}
}

func TestLargestUserSurvivesJSON(t *testing.T) {
	var f Frame
	if err := json.Unmarshal([]byte(`{"cmd":"send","to":9007199254740991}`), &f); err != nil || f.To != MaxUser {
		t.Errorf("to %d, %v", f.To, err)
	}
	// One above is decoded too: refusing an id is the caller's.
	if err := json.Unmarshal([]byte(`{"cmd":"send","to":9007199254740992}`), &f); err != nil || f.To != MaxUser+1 {
		t.Errorf("to %d, %v", f.To, err)
	}
}

func TestDecodedJSONCanBeSent(t *testing.T) {
	var f Frame
	if err := f.UnmarshalJSON([]byte(`{"cmd":"send","id":"a1","to":43,"text":"hi"}`)); err != nil {
		t.Fatal(err)
	}
	b, err := AppendFrame(nil, &f)
	if err != nil {
		t.Fatal(err)
	}
	decodesTo(t, b, &Frame{Cmd: Command_SEND, Id: "a1", To: 43, ReqMsg: "hi"})
}
