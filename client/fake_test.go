package client

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cim-go/cim/proto"
)

const (
	alice = int64(42)
	bob   = int64(7)
	room  = int64(9) // a group
)

// cluster is a route, its store and its nodes in one, as a client sees them. It works
// over pipes and has faults on demand. Its user is alice.
type cluster struct {
	mu      sync.Mutex
	nodes   []proto.Node
	logs    map[int64]*storedLog
	cursors []proto.Position // of the login answer
	number  int64
	live    []*session

	// The requests that it received.
	refreshes int
	ended     string // the last request to end sessions
	logins    []proto.LoginRequest
	sends     []*proto.Frame
	acks      []ackSeen
	pings     int
	pulls     []proto.Position

	pairs bool // logins answer with an access token and a refresh token, too

	// Faults. Functions are called under mu; nil stands for no fault.
	unreachable map[string]bool                                   // nodes that cannot be dialled
	mute        map[string]bool                                   // nodes that read and say nothing after the login
	onCall      func(path string, body []byte) *proto.ErrorAnswer // non-nil: the answer instead
	onLogin     func(s *session) *proto.Frame                     // non-nil: the login answer instead
	onSend      func(f *proto.Frame) fate
	linkless    bool // a proxy removes the header Link
}

// setOnCall, setOnLogin and setOnSend change a fault under mu, because a connected
// client may call at any time.
func (k *cluster) setOnCall(f func(path string, body []byte) *proto.ErrorAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onCall = f
}

func (k *cluster) setOnLogin(f func(s *session) *proto.Frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onLogin = f
}

func (k *cluster) setOnSend(f func(f *proto.Frame) fate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.onSend = f
}

type ackSeen struct {
	at      time.Time
	cursors []proto.Position
	shown   []string
}

// fate is what happens to a send.
type fate struct {
	code       proto.Code // non-zero: refused with it, not stored
	loseAnswer bool       // stored, and the connection breaks before the answer
}

type storedLog struct {
	epoch   proto.Epoch
	trimmed int64
	joined  int64 // number of alice's joining: nothing before it is for her; zero: an inbox or everyone
	left    int64 // number of the last entry that she may read; zero: she has not left
	entries []proto.Message
}

func (l *storedLog) newest(log int64) proto.Position {
	if len(l.entries) == 0 {
		return proto.Position{Log: log}
	}
	return l.entries[len(l.entries)-1].At
}

func (l *storedLog) append(log int64, m proto.Message) proto.Message {
	m.Prev = l.newest(log).Key
	m.At = proto.Position{Log: log, Epoch: l.epoch, Number: l.trimmed + int64(len(l.entries)) + 1, Key: m.Key()}
	l.entries = append(l.entries, m)
	return m
}

// newCluster has two nodes, and logs with a genesis entry each.
func newCluster() *cluster {
	k := &cluster{
		nodes: []proto.Node{{ID: "node-1", Address: "node-1:1"}, {ID: "node-2", Address: "node-2:1"}},
		logs: map[int64]*storedLog{
			proto.Inbox: {epoch: 0xa}, proto.Everyone: {epoch: 0xb},
		},
		unreachable: map[string]bool{}, mute: map[string]bool{},
	}
	for log, l := range k.logs {
		l.append(log, proto.Message{ID: "genesis", Kind: proto.Kind_GENESIS})
	}
	return k
}

func (k *cluster) config() Config {
	return Config{
		Routes: []string{"http://route"}, Name: "alice", Password: "secret", Device: "laptop",
		HTTP: &http.Client{Transport: k}, Dial: k.dial,
	}
}

// store appends a message from bob to a log without pushing it.
func (k *cluster) store(log int64, text string) proto.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := proto.Message{ID: text, From: bob, FromName: "bob", Text: text, Time: time.Now().UnixMilli()}
	if log == proto.Inbox {
		m.To = alice
	} else {
		m.Group = log
	}
	return k.logs[log].append(log, m)
}

// push sends a stored message to every live connection.
func (k *cluster) push(m proto.Message) { k.tell(m.Frame()) }

// say stores a message and pushes it.
func (k *cluster) say(log int64, text string) proto.Message {
	m := k.store(log, text)
	k.push(m)
	return m
}

func (k *cluster) tell(f *proto.Frame) {
	for _, s := range k.sessions() {
		s.out.put(f)
	}
}

func (k *cluster) sessions() []*session {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.live)
}

// tellNewest says where the logs end, as a reconciliation would.
func (k *cluster) tellNewest() {
	k.mu.Lock()
	ends := k.newestLocked()
	k.mu.Unlock()
	k.tell(&proto.Frame{Cmd: proto.Command_NEWEST, Newest: ends})
}

func (k *cluster) newestLocked() []*proto.Mark {
	var list []proto.Position
	for _, log := range slices.Sorted(maps.Keys(k.logs)) {
		if l := k.logs[log]; log <= proto.Everyone || l.joined > 0 && l.left == 0 {
			list = append(list, l.newest(log))
		}
	}
	return proto.Marks(list)
}

// kick closes every live connection, with a code if there is one.
func (k *cluster) kick(code proto.Code) {
	for _, s := range k.sessions() {
		if code != proto.OK {
			s.out.put(&proto.Frame{Cmd: proto.Command_KICK, Code: int32(code)})
		}
		s.out.close()
	}
}

// acceptLocked stores a message of alice. It looks for an earlier copy only if the
// frame says that it may have been sent before.
func (k *cluster) acceptLocked(f *proto.Frame) proto.Message {
	m := proto.Message{ID: f.Id, From: alice, FromName: "alice", To: f.To, Group: f.Group, Text: f.ReqMsg, Time: time.Now().UnixMilli()}
	l := k.logs[f.Group]
	if f.Again {
		if i := slices.IndexFunc(l.entries, func(e proto.Message) bool { return e.Key() == m.Key() }); i >= 0 {
			return l.entries[i]
		}
	}
	return l.append(f.Group, m)
}
