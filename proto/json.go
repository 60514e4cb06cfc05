package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// jsonFrame is the JSON form of a Frame. It has the fields of a Frame except those that
// only CIM uses. The names are in the style of JavaScript. The fields of a message are
// beside the command, without nesting. Zero fields are omitted.
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
	NodePath    string     `json:"nodePath,omitempty"`
	Kind        Kind       `json:"kind,omitempty"`
	By          int64      `json:"by,omitempty"`
	Confirm     bool       `json:"confirm,omitempty"`
	Shown       []string   `json:"shown,omitempty"`
	Heard       bool       `json:"heard,omitempty"`
}

// AppendJSON appends the frame's JSON form to b and returns the extended slice. It
// omits fields that only CIM uses, so do not send CIM's commands to a JSON peer. For a
// command without a name it returns an error, and b is unchanged.
func AppendJSON(b []byte, f *Frame) ([]byte, error) {
	name, ok := commandNames[f.Cmd]
	if !ok {
		return b, fmt.Errorf("encode frame: command %d has no name", f.Cmd)
	}
	j := jsonFrame{
		Cmd: name, Ticket: f.Ticket, ID: f.Id, From: f.From, FromName: f.FromName,
		To: f.To, Group: f.Group, Text: f.ReqMsg, Time: f.Time, Prev: f.Prev, Again: f.Again,
		Code: Code(f.Code), Number: f.Number, PingSeconds: f.PingSeconds,
		NodeAddress: f.NodeAddress, Node: f.Node, TLS: f.Tls, NodePath: f.NodePath,
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

// UnmarshalJSON decodes the JSON form into f, and replaces everything in f. Errors wrap
// ErrBadFrame, and then f is unchanged. An unknown field, a field of another type, a
// second value, an unknown command, and bytes that are not UTF-8 are errors.
//
// In three ways, encoding/json is lenient. That is harmless, because no other program
// reads these bytes. A field's name may have any case. Repeated fields may be merged. An
// unpaired surrogate escape becomes U+FFFD, as when a browser encodes UTF-8.
//
// Numbers are 64-bit integers. As with the binary form, the caller checks that ids are
// at most MaxUser.
func (f *Frame) UnmarshalJSON(b []byte) error {
	if !utf8.Valid(b) { // encoding/json would replace invalid bytes without an error
		return fmt.Errorf("%w: JSON is not UTF-8", ErrBadFrame)
	}
	var j jsonFrame
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		// The error is cut, because it may quote a name that is as long as the frame.
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
		NodeAddress: j.NodeAddress, Node: j.Node, Tls: j.TLS, NodePath: j.NodePath,
		Kind: j.Kind, By: j.By, Confirm: j.Confirm, Shown: j.Shown, Heard: j.Heard,
		Newest: Marks(j.Newest), Cursors: Marks(j.Cursors),
	}
	if j.At != nil {
		f.At = j.At.Mark()
	}
	return nil
}

// A command's name in JSON is its name in cim.proto, in lower case and with hyphens, such
// as "login-request".
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
