package link

import (
	"sync"

	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
)

// form is the way in which a frame is encoded on a link.
type form uint8

const (
	formTCP    form = iota // length prefix, protobuf
	formBinary             // binary WebSocket message, protobuf
	formJSON               // text WebSocket message, JSON
	forms
)

// turn decides when a link is written.
type turn bool

const (
	soon  turn = false // the link has a frame that is for it alone: an answer, a private message
	later turn = true  // the link has frames of a group, or frames that were left after its turn
)

// Packet is a frame on its way to any number of links. Each form is encoded at
// most once, when the first link needs it. Safe for concurrent use.
type Packet struct {
	frame *proto.Frame
	forms [forms]struct {
		once  sync.Once
		bytes []byte
		err   error
	}
}

// NewPacket makes a packet of the frame, which must not be changed any more.
func NewPacket(f *proto.Frame) *Packet { return &Packet{frame: f} }

// Frame returns the packet's frame, which must not be changed.
func (p *Packet) Frame() *proto.Frame { return p.frame }

// numbered reports whether the frame has a place in a log, so that a client can
// fetch it later.
func (p *Packet) numbered() bool {
	return p.frame.Cmd == proto.Command_MESSAGE && p.frame.At != nil
}

// turn returns the value soon for a frame of one user. For an entry of a group's log,
// which other links probably get, too, it returns the value later.
func (p *Packet) turn() turn {
	return turn(p.numbered() && p.frame.At.Log != proto.Inbox)
}

// Mark returns the place of a message, with the key from the frame's sender and id. It
// returns nil for a frame without a place.
func (p *Packet) Mark() *proto.Mark {
	if !p.numbered() {
		return nil
	}
	at := p.frame.At
	return &proto.Mark{Log: at.Log, Epoch: at.Epoch, Number: at.Number, Key: proto.Key(p.frame.From, p.frame.Id)}
}

// Marks returns the place of a message, or the places that a NEWEST lists.
func (p *Packet) Marks() []*proto.Mark {
	if mark := p.Mark(); mark != nil {
		return []*proto.Mark{mark}
	}
	if p.frame.Cmd == proto.Command_NEWEST {
		return p.frame.Newest
	}
	return nil
}

// encoded returns the encoded frame. All links share the bytes.
func (p *Packet) encoded(f form) ([]byte, error) {
	e := &p.forms[f]
	e.once.Do(func() { e.bytes, e.err = encode(p.frame, f) })
	return e.bytes, e.err
}

func encode(f *proto.Frame, as form) ([]byte, error) {
	switch as {
	case formJSON:
		text, err := proto.AppendJSON(nil, f)
		if err != nil {
			return nil, err
		}
		return ws.AppendMessage(nil, ws.Text, text), nil
	case formBinary:
		framed, err := proto.AppendFrame(nil, f)
		if err != nil {
			return nil, err
		}
		body, _, err := proto.Split(framed, len(framed))
		if err != nil {
			return nil, err
		}
		return ws.AppendMessage(nil, ws.Binary, body), nil
	default:
		return proto.AppendFrame(nil, f)
	}
}
