package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// jsonFrame is the JSON form of a Frame: the same fields under names a browser
// programmer expects, without what only CIM uses. A push nests nothing: its
// message fields stand beside the command.
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
}

// AppendJSON appends the frame's JSON form to b and returns the extended slice.
func AppendJSON(b []byte, f *Frame) ([]byte, error) {
	j := jsonFrame{
		Cmd: commandName(f.Cmd), Ticket: f.Ticket, ID: f.Id, From: f.From, FromName: f.FromName,
		To: f.To, Group: f.Group, Text: f.ReqMsg, Time: f.Time, Prev: f.Prev, Again: f.Again,
		Code: Code(f.Code), Number: f.Number, PingSeconds: f.PingSeconds, NodeAddress: f.NodeAddress,
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

// UnmarshalJSON decodes the JSON form strictly: an unknown field, a second
// value, or an unknown command is an error that wraps ErrBadFrame.
func (f *Frame) UnmarshalJSON(b []byte) error {
	var j jsonFrame
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return fmt.Errorf("%w: %v", ErrBadFrame, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", ErrBadFrame)
	}
	cmd, ok := Command_value[strings.ToUpper(strings.ReplaceAll(j.Cmd, "-", "_"))]
	if !ok {
		return fmt.Errorf("%w: unknown command", ErrBadFrame)
	}
	*f = Frame{
		Cmd: Command(cmd), Ticket: j.Ticket, Id: j.ID, From: j.From, FromName: j.FromName,
		To: j.To, Group: j.Group, ReqMsg: j.Text, Time: j.Time, Prev: j.Prev, Again: j.Again,
		Code: int32(j.Code), Number: j.Number, PingSeconds: j.PingSeconds, NodeAddress: j.NodeAddress,
		Newest: Marks(j.Newest), Cursors: Marks(j.Cursors),
	}
	if j.At != nil {
		f.At = j.At.Mark()
	}
	return nil
}

// commandName is the command in lower case with hyphens: "login-request".
func commandName(c Command) string {
	return strings.ReplaceAll(strings.ToLower(c.String()), "_", "-")
}
