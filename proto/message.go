package proto

// Message is a message for applications. It is also the JSON form in answers of the route
// and in frames of the JSON subprotocol.
type Message struct {
	ID       string   `json:"id"`   // chosen by the sender, unique per sender
	From     int64    `json:"from"` // sender
	FromName string   `json:"fromName"`
	To       int64    `json:"to,omitempty"`    // receiving user; zero in a group's message
	Group    int64    `json:"group,omitempty"` // receiving group; zero in a private message
	Text     string   `json:"text"`
	Time     int64    `json:"time"`           // ms since 1970, when a route stored it
	Kind     Kind     `json:"kind,omitempty"` // 2: the sender joined the group, 3: the sender left it; there is no text
	By       int64    `json:"by,omitempty"`   // with kinds 2 and 3: the user who added or removed the sender; zero: the sender joined or left by themselves
	At       Position `json:"at"`             // position in the reader's log
	Prev     string   `json:"prev,omitempty"` // key of the entry before it in that log

	Confirm bool `json:"confirm,omitempty"` // the sender requests a delivery mark
}

// Key returns the key of the message's entry.
func (m Message) Key() string { return Key(m.From, m.ID) }

// Shown reports whether applications show entries of this kind. They do not show entries
// that only the log needs, nor entries of a kind that a later version adds.
func (k Kind) Shown() bool { return k == Kind_TEXT || k == Kind_JOIN || k == Kind_LEAVE }

// Frame returns the frame that pushes the message to one of our clients.
func (m Message) Frame() *Frame {
	at := m.At.Mark()
	at.Key = "" // the receiver computes the key from From and Id
	return &Frame{
		Cmd: Command_MESSAGE, Id: m.ID, From: m.From, FromName: m.FromName, To: m.To, Group: m.Group,
		ReqMsg: m.Text, Time: m.Time, At: at, Prev: m.Prev, Kind: m.Kind, By: m.By, Confirm: m.Confirm,
	}
}

// Message is the inverse of Message.Frame. It ignores the fields of other commands.
func (f *Frame) Message() Message {
	at := f.GetAt().Position()
	at.Key = Key(f.GetFrom(), f.GetId())
	return Message{
		ID: f.GetId(), From: f.GetFrom(), FromName: f.GetFromName(), To: f.GetTo(), Group: f.GetGroup(),
		Text: f.GetReqMsg(), Time: f.GetTime(), At: at, Prev: f.GetPrev(), Kind: f.GetKind(),
		By: f.GetBy(), Confirm: f.GetConfirm(),
	}
}
