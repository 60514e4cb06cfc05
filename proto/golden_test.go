package proto

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// The golden values below are the wire: peers of other versions, and CIM's own,
// write and read these very bytes. A change that needs one of them edited breaks
// them all.

// unhex reads hex digits; blanks only part the fields.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cimFrames are what CIM's client and server write, from the facts of its
// protocol: a byte of length, then reqMsg, requestId, cmd, properties, batch.
var cimFrames = map[string]struct {
	frame *Frame
	hex   string
}{
	"login of 42, alice": {
		&Frame{ReqMsg: "alice", RequestId: 42},
		"09 0a05616c696365 102a",
	},
	"ping": {
		&Frame{ReqMsg: "ping", RequestId: 42, Cmd: Command_PING},
		"0a 0a0470696e67 102a 1802",
	},
	"pong": {
		&Frame{ReqMsg: "pong", Cmd: Command_PING},
		"08 0a04706f6e67 1802",
	},
	"push": {
		&Frame{ReqMsg: "hi", RequestId: 43, Cmd: Command_MESSAGE, Properties: map[string]string{
			"sendUserId": "42", "sendUserName": "alice", "receiveUserId": "43",
		}},
		`46 0a026869 102b 1801
		2213 0a0d72656365697665557365724964 12023433
		2210 0a0a73656e64557365724964 12023432
		2215 0a0c73656e64557365724e616d65 1205616c696365`,
	},
	"texts that waited": {
		&Frame{RequestId: 43, Cmd: Command_OFFLINE, BatchReqMsg: []string{"hi", "there"}, Properties: map[string]string{
			"receiveUserId": "43",
		}},
		`24 102b 1803
		2213 0a0d72656365697665557365724964 12023433
		2a026869 2a057468657265`,
	},
	"empty: a login of nobody": {&Frame{}, "00"},
}

func TestCIMFramesAreByteForByte(t *testing.T) {
	for name, tc := range cimFrames {
		t.Run(name, func(t *testing.T) {
			want := unhex(t, tc.hex)
			got, err := AppendFrame(nil, tc.frame)
			if err != nil {
				t.Fatal(err)
			}
			// The order of a map is free on the wire: only sorted bytes compare.
			sorted, err := proto.MarshalOptions{Deterministic: true}.Marshal(tc.frame)
			if err != nil {
				t.Fatal(err)
			}
			if sorted = append(got[:1:1], sorted...); !bytes.Equal(sorted, want) || len(got) != len(want) {
				t.Errorf("encoded\n%x, want\n%x", sorted, want)
			}
			decodesTo(t, want, tc.frame)
			decodesTo(t, got, tc.frame)
		})
	}
}

func decodesTo(t *testing.T, b []byte, want *Frame) {
	t.Helper()
	got, err := ReadFrame(bytes.NewReader(b), MaxFrame)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("decoded %v, want %v", got, want)
	}
}

// ourFrames has one frame of each command of ours, with every field that the
// command uses, and its JSON form.
var ourFrames = map[string]struct {
	frame     *Frame
	hex, json string
}{
	"login": {
		&Frame{Cmd: Command_LOGIN_REQUEST, Ticket: "dGlja2V0"},
		"0b 82010864476c6a61325630",
		`{"cmd":"login-request","ticket":"dGlja2V0"}`,
	},
	"login answer": {
		&Frame{
			Cmd: Command_LOGIN_ANSWER, Time: 1700000000000, Number: 1700000000123, PingSeconds: 10,
			Newest:  []*Mark{{Epoch: 0xe0c4, Number: 7, Key: "43:b7"}, {Log: Everyone, Epoch: 0xe1, Number: 3, Key: "44:c3"}},
			Cursors: []*Mark{{Epoch: 0xe0c4, Number: 5, Key: "43:b5"}},
		},
		`56 1810 b00180d095ffbc31 da011211c4e00000000000001807220534333a6237
		da0114080111e1000000000000001803220534343a6333 e2011211c4e00000000000001805220534333a6235
		e801fbd095ffbc31 f0010a`,
		`{"cmd":"login-answer","time":1700000000000,"newest":[{"log":0,"epoch":"000000000000e0c4","number":7,"key":"43:b7"},{"log":1,"epoch":"00000000000000e1","number":3,"key":"44:c3"}],"cursors":[{"log":0,"epoch":"000000000000e0c4","number":5,"key":"43:b5"}],"number":1700000000123,"pingSeconds":10}`,
	},
	"login refused": {
		&Frame{Cmd: Command_LOGIN_ANSWER, Code: int32(WrongNode), ReqMsg: WrongNode.Text()},
		"27 0a1f546865207469636b657420697320666f7220616e6f74686572206e6f64652e 1810 d001a21f",
		`{"cmd":"login-answer","text":"The ticket is for another node.","code":4002}`,
	},
	"send to a user": {
		&Frame{Cmd: Command_SEND, Id: "a1", To: 43, ReqMsg: "hi", Again: true},
		"11 0a026869 1811 8a01026131 a0012b c80101",
		`{"cmd":"send","id":"a1","to":43,"text":"hi","again":true}`,
	},
	"send to a group": {
		&Frame{Cmd: Command_SEND, Id: "a2", Group: Everyone, ReqMsg: "你好"},
		"12 0a06e4bda0e5a5bd 1811 8a01026132 a80101",
		`{"cmd":"send","id":"a2","group":1,"text":"你好"}`,
	},
	"send answer": {
		&Frame{Cmd: Command_SEND_ANSWER, Id: "a1", Time: 1700000000000, At: &Mark{Epoch: 0xe0a4, Number: 2}, Prev: "43:b0"},
		"25 1812 8a01026131 b00180d095ffbc31 ba010b11a4e00000000000001802 c2010534333a6230",
		`{"cmd":"send-answer","id":"a1","time":1700000000000,"at":{"log":0,"epoch":"000000000000e0a4","number":2},"prev":"43:b0"}`,
	},
	"send refused": {
		&Frame{Cmd: Command_SEND_ANSWER, Id: "a1", Code: int32(Unknown)},
		"0b 1812 8a01026131 d0018920",
		`{"cmd":"send-answer","id":"a1","code":4105}`,
	},
	"message": {
		&Frame{
			Cmd: Command_MESSAGE, Id: "a1", From: 42, FromName: "alice", To: 43, ReqMsg: "hi",
			Time: 1700000000000, At: &Mark{Epoch: 0xe0c4, Number: 8}, Prev: "43:b7",
		},
		`37 0a026869 1801 8a01026131 90012a 9a0105616c696365 a0012b b00180d095ffbc31
		ba010b11c4e00000000000001808 c2010534333a6237`,
		`{"cmd":"message","id":"a1","from":42,"fromName":"alice","to":43,"text":"hi","time":1700000000000,"at":{"log":0,"epoch":"000000000000e0c4","number":8},"prev":"43:b7"}`,
	},
	"message of a group": {
		&Frame{
			Cmd: Command_MESSAGE, Id: "a2", From: 42, FromName: "alice", Group: Everyone, ReqMsg: "你好",
			Time: 1700000000000, At: &Mark{Log: Everyone, Epoch: 0xe1, Number: 4}, Prev: "44:c3",
		},
		`3d 0a06e4bda0e5a5bd 1801 8a01026132 90012a 9a0105616c696365 a80101 b00180d095ffbc31
		ba010d080111e1000000000000001804 c2010534343a6333`,
		`{"cmd":"message","id":"a2","from":42,"fromName":"alice","group":1,"text":"你好","time":1700000000000,"at":{"log":1,"epoch":"00000000000000e1","number":4},"prev":"44:c3"}`,
	},
	"joining of a group": {
		&Frame{
			Cmd: Command_MESSAGE, Id: "join-9", From: 42, FromName: "alice", Group: 7, Kind: Kind_JOIN,
			Time: 1700000000000, At: &Mark{Log: 7, Epoch: 0xe1, Number: 4}, Prev: "44:c3",
		},
		`3c 1801 8a01066a6f696e2d39 90012a 9a0105616c696365 a80107 b00180d095ffbc31
		ba010d080711e1000000000000001804 c2010534343a6333 900202`,
		`{"cmd":"message","id":"join-9","from":42,"fromName":"alice","group":7,"time":1700000000000,"at":{"log":7,"epoch":"00000000000000e1","number":4},"prev":"44:c3","kind":2}`,
	},
	"removal from a group": {
		&Frame{
			Cmd: Command_MESSAGE, Id: "leave-9", From: 42, FromName: "alice", Group: 7, Kind: Kind_LEAVE, By: 43,
			Time: 1700000000000, At: &Mark{Log: 7, Epoch: 0xe1, Number: 4}, Prev: "44:c3",
		},
		`40 1801 8a01076c656176652d39 90012a 9a0105616c696365 a80107 b00180d095ffbc31
		ba010d080711e1000000000000001804 c2010534343a6333 900203 98022b`,
		`{"cmd":"message","id":"leave-9","from":42,"fromName":"alice","group":7,"time":1700000000000,"at":{"log":7,"epoch":"00000000000000e1","number":4},"prev":"44:c3","kind":3,"by":43}`,
	},
	"send that asks for a mark": {
		&Frame{Cmd: Command_SEND, Id: "a1", To: 43, ReqMsg: "hi", Confirm: true},
		"11 0a026869 1811 8a01026131 a0012b a00201",
		`{"cmd":"send","id":"a1","to":43,"text":"hi","confirm":true}`,
	},
	"message that asks for a mark": {
		&Frame{
			Cmd: Command_MESSAGE, Id: "a1", From: 42, FromName: "alice", To: 43, ReqMsg: "hi", Confirm: true,
			Time: 1700000000000, At: &Mark{Epoch: 0xe0c4, Number: 8}, Prev: "43:b7",
		},
		`3a 0a026869 1801 8a01026131 90012a 9a0105616c696365 a0012b b00180d095ffbc31
		ba010b11c4e00000000000001808 c2010534333a6237 a00201`,
		`{"cmd":"message","id":"a1","from":42,"fromName":"alice","to":43,"text":"hi","time":1700000000000,"at":{"log":0,"epoch":"000000000000e0c4","number":8},"prev":"43:b7","confirm":true}`,
	},
	"ack with marks": {
		&Frame{Cmd: Command_ACK, Cursors: []*Mark{{Epoch: 0xe0c4, Number: 8, Key: "42:a1"}}, Shown: []string{"42:a1"}},
		"1f 1813 e2011211c4e00000000000001808220534323a6131 aa020534323a6131",
		`{"cmd":"ack","cursors":[{"log":0,"epoch":"000000000000e0c4","number":8,"key":"42:a1"}],"shown":["42:a1"]}`,
	},
	"delivered": {
		&Frame{Cmd: Command_DELIVERED, Id: "a1", To: 43, Time: 1700000000000},
		"12 1818 8a01026131 a0012b b00180d095ffbc31",
		`{"cmd":"delivered","id":"a1","to":43,"time":1700000000000}`,
	},
	"ping": {
		&Frame{Cmd: Command_PING},
		"02 1802",
		`{"cmd":"ping"}`,
	},
	"ack": {
		&Frame{Cmd: Command_ACK, Cursors: []*Mark{{Epoch: 0xe0c4, Number: 8, Key: "42:a1"}}},
		"17 1813 e2011211c4e00000000000001808220534323a6131",
		`{"cmd":"ack","cursors":[{"log":0,"epoch":"000000000000e0c4","number":8,"key":"42:a1"}]}`,
	},
	"newest": {
		&Frame{Cmd: Command_NEWEST, Newest: []*Mark{{Log: Everyone, Epoch: 0xffffffffffffffff, Number: 9, Key: "44:c9"}}},
		"19 1814 da0114080111ffffffffffffffff1809220534343a6339",
		`{"cmd":"newest","newest":[{"log":1,"epoch":"ffffffffffffffff","number":9,"key":"44:c9"}]}`,
	},
	"redirect": {
		&Frame{Cmd: Command_REDIRECT, Ticket: "dGlja2V0", NodeAddress: "node2.example:11211", Node: "node-2", Tls: true},
		"2f 1815 82010864476c6a61325630 fa01136e6f6465322e6578616d706c653a3131323131 8202066e6f64652d32 880201",
		`{"cmd":"redirect","ticket":"dGlja2V0","nodeAddress":"node2.example:11211","node":"node-2","tls":true}`,
	},
	"kick": {
		&Frame{Cmd: Command_KICK, Code: int32(Replaced), ReqMsg: Replaced.Text()},
		`34
		0a2c41206e6577657220636f6e6e656374696f6e206f6620746869732064657669636520746f6f6b206f7665722e
		1816 d001e820`,
		`{"cmd":"kick","text":"A newer connection of this device took over.","code":4200}`,
	},
	"error": {
		&Frame{Cmd: Command_ERROR, Code: int32(Overloaded), ReqMsg: Overloaded.Text()},
		"24 0a1c54686572652061726520746f6f206d616e792072657175657374732e 1817 d0018620",
		`{"cmd":"error","text":"There are too many requests.","code":4102}`,
	},
}

func TestOurFramesAreByteForByte(t *testing.T) {
	for name, tc := range ourFrames {
		t.Run(name, func(t *testing.T) {
			want := unhex(t, tc.hex)
			got, err := AppendFrame(nil, tc.frame)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("encoded\n%x, want\n%x", got, want)
			}
			decodesTo(t, want, tc.frame)
		})
	}
}

func TestOurFramesInJSONAreByteForByte(t *testing.T) {
	for name, tc := range ourFrames {
		t.Run(name, func(t *testing.T) {
			got, err := AppendJSON(nil, tc.frame)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tc.json {
				t.Errorf("encoded\n%s, want\n%s", got, tc.json)
			}
			var f Frame
			if err := f.UnmarshalJSON([]byte(tc.json)); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(&f, tc.frame) {
				t.Errorf("decoded %v, want %v", &f, tc.frame)
			}
		})
	}
}

// TestEveryCommandHasAGoldenFrame fails for a command that is added without one.
func TestEveryCommandHasAGoldenFrame(t *testing.T) {
	seen := make(map[Command]bool)
	for _, tc := range cimFrames {
		seen[tc.frame.Cmd] = true
	}
	for _, tc := range ourFrames {
		seen[tc.frame.Cmd] = true
	}
	for number, name := range Command_name {
		if !seen[Command(number)] {
			t.Errorf("%s has none", name)
		}
	}
}

// TestStoredEntryIsByteForByte pins what logs hold for as long as messages are
// kept, and what scripts look for in them.
func TestStoredEntryIsByteForByte(t *testing.T) {
	key := Key(42, "a1")
	entry := &Entry{FromName: "alice", To: 43, Time: 1700000000000, Text: "hi"}
	want := unhex(t, "34323a6131 0a 0a05616c696365 102b 2080d095ffbc31 2a026869")

	got, err := EncodeStored(key, entry)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
	cut, body, err := SplitStored(want)
	if err != nil || cut != key {
		t.Fatalf("key %q, error %v", cut, err)
	}
	m, err := (&Stored{Key: cut, Entry: body, At: &Mark{Number: 1}}).Message()
	if err != nil {
		t.Fatal(err)
	}
	if m.From != 42 || m.ID != "a1" || m.FromName != "alice" || m.To != 43 || m.Text != "hi" || m.Time != 1700000000000 {
		t.Errorf("decoded %+v", m)
	}
}
