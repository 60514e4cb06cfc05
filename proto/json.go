package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonFrame is the JSON form of a Frame: the same fields under names a browser
// programmer expects, without what only CIM uses. A push nests nothing: its
// message fields stand beside the command. What is zero is left out.
type jsonFrame struct {
	Cmd         string     `json:"cmd"`
	Ticket      string     `json:"ticket,omitempty"`
	ID          string     `json:"id,omitempty"`
	From        int64      `json:"from,omitempty"`
	FromName    string     `json:"fromName,omitempty"`
	To          int64      `json:"to,omitempty"`
	Group       int64      `json:"group,omitempty"`
	Text        string     `json:"text,omitempty"`
	Time        int64      `json:"time,omitempty"`
	At          *Position  `json:"at,omitempty"`
	Prev        string     `json:"prev,omitempty"`
	Again       bool       `json:"again,omitempty"`
	Code        Code       `json:"code,omitempty"`
	Newest      []Position `json:"newest,omitempty"`
	Cursors     []Position `json:"cursors,omitempty"`
	Number      int64      `json:"number,omitempty"`
	PingSeconds int32      `json:"pingSeconds,omitempty"`
	NodeAddress string     `json:"nodeAddress,omitempty"`
	Node        string     `json:"node,omitempty"`
	TLS         bool       `json:"tls,omitempty"`
	Kind        Kind       `json:"kind,omitempty"`
	By          int64      `json:"by,omitempty"`
	Confirm     bool       `json:"confirm,omitempty"`
	Shown       []string   `json:"shown,omitempty"`
	Heard       bool       `json:"heard,omitempty"`
}

// AppendJSON appends the frame's JSON form to b and returns the extended slice.
// Fields that only CIM uses are left out, so a JSON peer must be sent none of the
// commands that need them. It fails for a command that has no name, and then
// returns b as it was.
func AppendJSON(b []byte, f *Frame) ([]byte, error) {
	name, ok := commandNames[f.Cmd]
	if !ok {
		return b, fmt.Errorf("encode frame: command %d has no name", f.Cmd)
	}
	j := jsonFrame{
		Cmd: name, Ticket: f.Ticket, ID: f.Id, From: f.From, FromName: f.FromName,
		To: f.To, Group: f.Group, Text: f.ReqMsg, Time: f.Time, Prev: f.Prev, Again: f.Again,
		Code: Code(f.Code), Number: f.Number, PingSeconds: f.PingSeconds,
		NodeAddress: f.NodeAddress, Node: f.Node, TLS: f.Tls,
		Kind: f.Kind, By: f.By, Confirm: f.Confirm, Shown: f.Shown, Heard: f.Heard,
	}
	if f.At != nil {
		at := f.At.Position()
		j.At = &at
	}
	if len(f.Newest) > 0 {
		j.Newest = Positions(f.Newest)
	}
	if len(f.Cursors) > 0 {
		j.Cursors = Positions(f.Cursors)
	}
	text, err := json.Marshal(&j)
	if err != nil {
		return b, fmt.Errorf("encode frame: %w", err)
	}
	return append(b, text...), nil
}

// UnmarshalJSON decodes the JSON form into f in place of what f held. An unknown
// field, a field of another type, a second value, an unknown command, or bytes
// that are not UTF-8 are errors that wrap ErrBadFrame, and f is as it was.
//
// Three liberties are encoding/json's and do no harm, since nobody else reads
// these bytes: a field's name may come in any case, a field that comes twice may
// be merged, and a surrogate escape without its other half becomes U+FFFD, as it
// does when a browser encodes UTF-8. Numbers are integers of 64 bits; whether an
// id is at most MaxUser is the caller's to check, as for the binary form.
func (f *Frame) UnmarshalJSON(b []byte) error {
	if !utf8.Valid(b) { // encoding/json would change the text in silence
		return fmt.Errorf("%w: JSON is not UTF-8", ErrBadFrame)
	}
	var j jsonFrame
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		// The error may quote a name as long as the frame.
		return fmt.Errorf("%w: %.100v", ErrBadFrame, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", ErrBadFrame)
	}
	cmd, ok := commandsByName[j.Cmd]
	if !ok {
		return fmt.Errorf("%w: unknown command", ErrBadFrame)
	}
	*f = Frame{
		Cmd: cmd, Ticket: j.Ticket, Id: j.ID, From: j.From, FromName: j.FromName,
		To: j.To, Group: j.Group, ReqMsg: j.Text, Time: j.Time, Prev: j.Prev, Again: j.Again,
		Code: int32(j.Code), Number: j.Number, PingSeconds: j.PingSeconds,
		NodeAddress: j.NodeAddress, Node: j.Node, Tls: j.TLS,
		Kind: j.Kind, By: j.By, Confirm: j.Confirm, Shown: j.Shown, Heard: j.Heard,
		Newest: Marks(j.Newest), Cursors: Marks(j.Cursors),
	}
	if j.At != nil {
		f.At = j.At.Mark()
	}
	return nil
}

// A command's name in JSON is its name in cim.proto in lower case with hyphens:
// "login-request". It has no other spelling.
var (
	commandNames   = make(map[Command]string, len(Command_name))
	commandsByName = make(map[string]Command, len(Command_name))
)

func init() {
	for number, name := range Command_name {
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		commandNames[Command(number)] = name
		commandsByName[name] = Command(number)
	}
}
