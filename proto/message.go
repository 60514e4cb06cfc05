package proto

// Message is a message as an application sees it, and its JSON form in answers
// of the route and in frames of the JSON subprotocol.
type Message struct {
	ID       string   `json:"id"`   // given by the sender, unique per sender
	From     int64    `json:"from"` // sender
	FromName string   `json:"fromName"`
	To       int64    `json:"to,omitempty"`    // receiving user; zero in a group's message
	Group    int64    `json:"group,omitempty"` // receiving group; zero in a private message
	Text     string   `json:"text"`
	Time     int64    `json:"time"`           // ms since 1970, when a route stored it
	Kind     Kind     `json:"kind,omitempty"` // 2: the sender joined the group, 3: he left it, and there is no text
	By       int64    `json:"by,omitempty"`   // with these kinds: who added or removed him; zero: himself
	At       Position `json:"at"`             // where it stands in the reader's log
	Prev     string   `json:"prev,omitempty"` // key of the entry before it there

	Confirm bool `json:"confirm,omitempty"` // its sender wants to know when it was shown
}

// Key returns the key of the message's entry.
func (m Message) Key() string { return Key(m.From, m.ID) }

// Shown reports whether applications are shown entries of the kind: not those that
// only the log needs, nor those of a version to come.
func (k Kind) Shown() bool { return k == Kind_TEXT || k == Kind_JOIN || k == Kind_LEAVE }

// Frame returns the push of the message to one of our clients.
func (m Message) Frame() *Frame {
	at := m.At.Mark()
	at.Key = "" // from and id tell it
	return &Frame{
		Cmd: Command_MESSAGE, Id: m.ID, From: m.From, FromName: m.FromName, To: m.To, Group: m.Group,
		ReqMsg: m.Text, Time: m.Time, At: at, Prev: m.Prev, Kind: m.Kind, By: m.By, Confirm: m.Confirm,
	}
}

// Message undoes Message.Frame. Fields that another command uses are ignored.
func (f *Frame) Message() Message {
	at := f.GetAt().Position()
	at.Key = Key(f.GetFrom(), f.GetId())
	return Message{
		ID: f.GetId(), From: f.GetFrom(), FromName: f.GetFromName(), To: f.GetTo(), Group: f.GetGroup(),
		Text: f.GetReqMsg(), Time: f.GetTime(), At: at, Prev: f.GetPrev(), Kind: f.GetKind(),
		By: f.GetBy(), Confirm: f.GetConfirm(),
	}
}
