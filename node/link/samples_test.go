package link

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/node/link/ws"
	"github.com/cim-go/cim/proto"
)

func closing(code uint16, reason string) []byte {
	return clientFrame(bitFin|opClose, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

func pinging(payload string) []byte { return clientFrame(bitFin|opPing, []byte(payload)) }

// binaryMessage is a frame with the text, as a binary message holds it.
func binaryMessage(text string) []byte {
	b, err := gproto.Marshal(&proto.Frame{Cmd: proto.Command_SEND, ReqMsg: text})
	if err != nil {
		panic(err)
	}
	return b
}

// jsonMessage is a frame whose text has the bytes as they are.
func jsonMessage(text string) []byte { return []byte(`{"cmd":"send","text":"` + text + `"}`) }

// messageOf returns the payload of a frame that is size bytes long, and the frame's text.
func messageOf(size int, asJSON bool) (payload []byte, text string) {
	encoded := binaryMessage
	if asJSON {
		encoded = jsonMessage
	}
	for n := max(0, size-40); ; n++ {
		text = strings.Repeat("*", n)
		if payload = encoded(text); len(payload) >= size {
			return payload, text
		}
	}
}

// fragmented is a message in fragments of at most size bytes, with other frames between
// them.
func fragmented(op byte, payload []byte, size int, between ...[]byte) (b []byte) {
	for i, part := range slices.Collect(slices.Chunk(payload, size)) {
		first := op
		if i > 0 {
			first = opContinue
			b = append(b, bytes.Join(between, nil)...)
		}
		if (i+1)*size >= len(payload) {
			first |= bitFin
		}
		b = append(b, clientFrame(first, part)...)
	}
	return b
}

func escaped(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

var (
	badFrame = []string{fmt.Sprintf("close %d %s", proto.BadFrame, proto.BadFrame.Text())}
	tooLong  = []string{fmt.Sprintf("close %d %s", proto.FrameTooLong, proto.FrameTooLong.Text())}
)

// samples returns cases of the classes in the Autobahn suite's public description,
// under the suite's numbers. They are written from RFC 6455. The suite lets servers
// echo its messages. A node does not echo, so here frames come out, and pongs and
// closes are answered.
func samples(t *testing.T) []sample {
	return slices.Concat(framing(), pings(), reserved(), opcodes(), fragmentation(), encodings(), closes(), limits(), cuts())
}

// 1: whole messages, by the three forms of a length.
func framing() (list []sample) {
	for _, asJSON := range []bool{false, true} {
		op := byte(opBinary)
		if asJSON {
			op = opText
		}
		for _, size := range []int{40, 124, 125, 126, 127, 128, 255, 256, 1000, 4096, 16 << 10} {
			payload, text := messageOf(size, asJSON)
			list = append(list, sample{
				name: fmt.Sprintf("1 a message of %d bytes, json %v", size, asJSON), json: asJSON,
				sent: clientFrame(bitFin|op, payload), frames: []string{text},
			})
		}
	}
	long := func(length ...byte) []byte {
		body := binaryMessage("hi")
		b := append([]byte{bitFin | opBinary}, length...)
		return append(append(b, 0, 0, 0, 0), body...)
	}
	body := binaryMessage("hi")
	size := byte(len(body))
	unmasked := ws.AppendMessage(nil, opBinary, body)
	return append(list,
		sample{name: "1 an empty binary message", sent: clientFrame(bitFin|opBinary, nil), frames: []string{""}},
		sample{name: "1 an empty text message", json: true, sent: clientFrame(bitFin|opText, nil), answers: badFrame},
		sample{name: "1 a mask of zeros", sent: long(bitMask | size), frames: []string{"hi"}},
		sample{name: "1 a short length in 2 bytes", sent: long(bitMask|126, 0, size), answers: badFrame},
		sample{name: "1 a short length in 8 bytes", sent: long(bitMask|127, 0, 0, 0, 0, 0, 0, 0, size), answers: badFrame},
		sample{name: "1 a length of 2 bytes in 8", sent: long(bitMask|127, 0, 0, 0, 0, 0, 0, 1, 0), answers: badFrame},
		sample{name: "1 a length with the highest bit", sent: long(bitMask|127, 0x80, 0, 0, 0, 0, 1, 0, 0), answers: badFrame},
		sample{name: "1 no mask", sent: unmasked, answers: badFrame},
		sample{name: "1 no mask on a ping", sent: ws.AppendMessage(nil, opPing, nil), answers: badFrame},
		sample{name: "1 no mask on a close", sent: ws.AppendClose(nil, 1000, ""), answers: badFrame},
		sample{name: "1 three messages in one write", sent: bytes.Repeat(clientFrame(bitFin|opBinary, body), 3), frames: []string{"hi", "hi", "hi"}},
	)
}

// 2: pings and pongs.
func pings() (list []sample) {
	for name, payload := range map[string]string{
		"empty": "", "a word": "Hello", "no UTF-8": "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", "of 124 bytes": strings.Repeat("\xfe", 124),
		"of 125 bytes": strings.Repeat("\xfe", 125),
	} {
		list = append(list,
			sample{name: "2 a ping, " + name, sent: pinging(payload), answers: []string{"pong " + payload}},
			sample{name: "2 a pong that nobody asked for, " + name, sent: clientFrame(bitFin|opPong, []byte(payload))},
			sample{
				name: "2 a pong and then a ping, " + name, sent: append(clientFrame(bitFin|opPong, []byte("no")), pinging(payload)...),
				answers: []string{"pong " + payload},
			})
	}
	var ten []byte
	var pongs []string
	for i := range 10 {
		ten = append(ten, pinging(fmt.Sprint("payload-", i))...)
		pongs = append(pongs, fmt.Sprint("pong payload-", i))
	}
	message := clientFrame(bitFin|opBinary, binaryMessage("hi"))
	for name, op := range map[string]byte{"ping": opPing, "pong": opPong, "close": opClose} {
		list = append(list,
			sample{name: "2 126 bytes of " + name, sent: clientFrame(bitFin|op, make([]byte, 126)), answers: badFrame},
			sample{name: "2 64 KiB of " + name, sent: clientFrame(bitFin|op, make([]byte, 64<<10)), answers: badFrame},
			sample{name: "2 the first part of a " + name, sent: clientFrame(op, nil), answers: badFrame})
	}
	return append(list,
		sample{name: "2 ten pings", sent: ten, answers: pongs},
		sample{name: "2 a ping before and behind a message", sent: slices.Concat(pinging("a"), message, pinging("b")), frames: []string{"hi"}, answers: []string{"pong a", "pong b"}},
	)
}

// 3: reserved bits, of which no extension uses one.
func reserved() (list []sample) {
	message := clientFrame(bitFin|opBinary, binaryMessage("hi"))
	for rsv := byte(1); rsv <= 7; rsv++ {
		for name, op := range map[string]byte{"text": opText, "binary": opBinary, "ping": opPing, "pong": opPong, "close": opClose} {
			asJSON := op == opText
			before, frames := message, []string{"hi"}
			if asJSON {
				before = clientFrame(bitFin|opText, jsonMessage("hi"))
			}
			list = append(list, sample{
				name: fmt.Sprintf("3 bits %d on a %s behind a message and a ping", rsv, name), json: asJSON,
				sent:   slices.Concat(before, pinging("p"), clientFrame(bitFin|rsv<<4|op, nil), before),
				frames: frames, answers: append([]string{"pong p"}, badFrame...),
			})
		}
		list = append(list, sample{
			name: fmt.Sprintf("3 bits %d on a last fragment", rsv),
			sent: append(clientFrame(opBinary, nil), clientFrame(bitFin|rsv<<4|opContinue, binaryMessage("hi"))...), answers: badFrame,
		})
	}
	return list
}

// 4: opcodes that are not assigned.
func opcodes() (list []sample) {
	message := clientFrame(bitFin|opBinary, binaryMessage("hi"))
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		for name, payload := range map[string]string{"with nothing": "", "with a payload": "reserved opcode"} {
			unknown := clientFrame(bitFin|op, []byte(payload))
			list = append(list,
				sample{name: fmt.Sprintf("4 opcode %d %s", op, name), sent: append(unknown, message...), answers: badFrame},
				sample{
					name: fmt.Sprintf("4 opcode %d %s behind a message", op, name), sent: slices.Concat(message, unknown, pinging("")),
					frames: []string{"hi"}, answers: badFrame,
				})
		}
		list = append(list, sample{
			name: fmt.Sprintf("4 opcode %d between fragments", op),
			sent: slices.Concat(clientFrame(opBinary, nil), clientFrame(bitFin|op, nil), clientFrame(bitFin|opContinue, nil)), answers: badFrame,
		})
	}
	return append(list,
		sample{name: "4 a text where messages are binary", sent: clientFrame(bitFin|opText, jsonMessage("hi")), answers: badFrame},
		sample{name: "4 a binary message where they are text", json: true, sent: message, answers: badFrame},
	)
}

// 5: fragments, and control frames between them.
func fragmentation() (list []sample) {
	const text = "fragment1fragment2"
	two := func(op byte, payload []byte) []byte { return fragmented(op, payload, (len(payload)+1)/2) }
	for _, asJSON := range []bool{false, true} {
		op, payload, form := byte(opBinary), binaryMessage(text), "binary"
		if asJSON {
			op, payload, form = opText, jsonMessage(text), "text"
		}
		add := func(name string, sent []byte, frames, answers []string) {
			list = append(list, sample{name: "5 " + form + " " + name, json: asJSON, sent: sent, frames: frames, answers: answers})
		}
		ok := []string{text}
		half := payload[:len(payload)/2]
		add("in two fragments", two(op, payload), ok, nil)
		add("in fragments of a byte", fragmented(op, payload, 1), ok, nil)
		add("two messages in fragments", append(two(op, payload), two(op, payload)...), []string{text, text}, nil)
		add("an empty first and last fragment", slices.Concat(clientFrame(op, nil), clientFrame(opContinue, payload), clientFrame(bitFin|opContinue, nil)), ok, nil)
		add("ten empty fragments", slices.Concat(clientFrame(op, payload), bytes.Repeat(clientFrame(opContinue, nil), 10), clientFrame(bitFin|opContinue, nil)), ok, nil)
		add("with a ping between", fragmented(op, payload, len(half)+1, pinging("ping payload")), ok, []string{"pong ping payload"})
		add("with two pings between", fragmented(op, payload, len(half)+1, pinging("1"), pinging("2")), ok, []string{"pong 1", "pong 2"})
		add("with a pong between", fragmented(op, payload, len(half)+1, clientFrame(bitFin|opPong, []byte("x"))), ok, nil)
		add("with a close between", fragmented(op, payload, len(half)+1, closing(1001, "")), nil, []string{"close 1001"})
		add("a first fragment inside a message", slices.Concat(clientFrame(op, half), clientFrame(op, half)), nil, badFrame)
		add("a whole message inside a message", slices.Concat(clientFrame(op, half), clientFrame(bitFin|op, payload)), nil, badFrame)
		add("a last fragment of nothing", clientFrame(bitFin|opContinue, payload), nil, badFrame)
		add("a fragment of nothing", slices.Concat(clientFrame(opContinue, payload), clientFrame(bitFin|op, payload)), nil, badFrame)
		add("a fragment behind a whole message", slices.Concat(clientFrame(bitFin|op, payload), clientFrame(opContinue, payload)), ok, badFrame)
		add("a fragment behind a message in fragments", append(two(op, payload), clientFrame(bitFin|opContinue, payload)...), ok, badFrame)
		add("a ping in fragments", slices.Concat(clientFrame(opPing, nil), clientFrame(bitFin|opContinue, nil)), nil, badFrame)
		add("a message that never ends", clientFrame(op, payload), nil, nil)
	}
	return list
}

// 6: UTF-8 of text messages.
func encodings() (list []sample) {
	add := func(name, bytes string, valid bool) {
		payload := jsonMessage("a" + bytes + "z")
		frames, answers := []string{"a" + bytes + "z"}, []string(nil)
		if !valid {
			frames, answers = nil, badFrame
		}
		list = append(list,
			sample{name: "6 " + name, json: true, sent: clientFrame(bitFin|opText, payload), frames: frames, answers: answers},
			sample{name: "6 " + name + ", a byte a fragment", json: true, sent: fragmented(opText, payload, 1), frames: frames, answers: answers})
	}
	for name, text := range map[string]string{
		"letters": "Hello", "umlauts": "Hello-µ@ßöäüàá", "Greek": "κόσμε", "Chinese": "你好，世界", "emoji": "😀👩‍👩‍👧",
		"first of 2 bytes": "\u0080", "last of 2 bytes": "\u07ff", "first of 3 bytes": "\u0800", "last of 3 bytes": "\uffff",
		"first of 4 bytes": "\U00010000", "last of 4 bytes": "\U0010ffff", "before the surrogates": "\ud7ff", "behind the surrogates": "\ue000",
		"delete": "\u007f", "replacement": "\ufffd", "no character FFFE": "\ufffe", "no character 1FFFE": "\U0001fffe", "no character 10FFFE": "\U0010fffe",
	} {
		add("valid, "+name, text, true)
	}
	for name, bytes := range map[string]string{
		"a byte of no sequence": "\xff", "another": "\xfe", "four of them": "\xfe\xfe\xff\xff",
		"a continuation alone": "\x80", "the last continuation": "\xbf", "two continuations": "\x80\xbf", "seven continuations": "\x80\xbf\x80\xbf\x80\xbf\x80",
		"a begun pair": "\xc3", "two begun pairs": "\xc3\xc3", "one of three bytes": "\xe4", "two of three bytes": "\xe4\xbd", "three of four bytes": "\xf0\x9f\x98",
		"a pair of too many bytes": "\xc0\xaf", "the largest such pair": "\xc1\xbf", "a slash in three bytes": "\xe0\x80\xaf", "a slash in four bytes": "\xf0\x80\x80\xaf",
		"two bytes in three": "\xe0\x9f\xbf", "three bytes in four": "\xf0\x8f\xbf\xbf", "zero in two bytes": "\xc0\x80", "zero in three bytes": "\xe0\x80\x80",
		"five bytes": "\xf8\x88\x80\x80\x80", "six bytes": "\xfc\x84\x80\x80\x80\x80", "above the last": "\xf4\x90\x80\x80", "far above the last": "\xf7\xbf\xbf\xbf",
		"the first surrogate": "\xed\xa0\x80", "the last high surrogate": "\xed\xaf\xbf", "the first low surrogate": "\xed\xb0\x80", "the last surrogate": "\xed\xbf\xbf",
		"a pair of surrogates": "\xed\xa0\x80\xed\xb0\x80", "Greek and a surrogate": "κόσμε\xed\xa0\x80edited",
	} {
		add("invalid, "+name, bytes, false)
	}
	broken := fragmented(opText, jsonMessage("κόσμε\xf4\x90\x80\x80"), 8, pinging("p"))
	return append(list,
		// A node judges a message at its end. The suite calls that non-strict.
		sample{name: "6 invalid, with pings between", json: true, sent: broken, answers: append(repeated("pong p", strings.Count(string(broken), string(pinging("p")))), badFrame...)},
		sample{name: "6 invalid bytes in a ping are no text", json: true, sent: pinging("\xff"), answers: []string{"pong \xff"}},
		sample{name: "6 escapes are text", json: true, sent: clientFrame(bitFin|opText, []byte(`{"cmd":"send","text":`+escaped("κ\u2028<>")+`}`)), frames: []string{"κ\u2028<>"}},
	)
}

func repeated(s string, n int) []string { return slices.Repeat([]string{s}, n) }

// 7: closing.
func closes() (list []sample) {
	for _, code := range []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		list = append(list,
			sample{name: fmt.Sprint("7 code ", code), sent: closing(code, ""), answers: []string{fmt.Sprint("close ", code)}},
			sample{name: fmt.Sprint("7 a reason and code ", code), sent: closing(code, "reason"), answers: []string{fmt.Sprint("close ", code)}})
	}
	for _, code := range []uint16{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535} {
		list = append(list,
			sample{name: fmt.Sprint("7 code ", code), sent: closing(code, ""), answers: badFrame},
			sample{name: fmt.Sprint("7 a reason and code ", code), sent: closing(code, "reason"), answers: badFrame})
	}
	message := clientFrame(bitFin|opBinary, binaryMessage("hi"))
	bye := closing(1000, "")
	return append(list,
		sample{name: "7 a message and a close", sent: append(slices.Clone(message), bye...), frames: []string{"hi"}},
		sample{name: "7 two closes", sent: append(closing(1000, ""), closing(1001, "")...), answers: []string{"close 1000"}},
		sample{name: "7 a ping behind a close", sent: append(slices.Clone(bye), pinging("p")...), answers: []string{"close 1000"}},
		sample{name: "7 a message behind a close", sent: append(slices.Clone(bye), message...), answers: []string{"close 1000"}},
		sample{name: "7 nonsense behind a close", sent: append(slices.Clone(bye), 0xff, 0xff, 0xff), answers: []string{"close 1000"}},
		sample{name: "7 a close inside a message", sent: slices.Concat(clientFrame(opBinary, nil), bye, clientFrame(bitFin|opContinue, nil)), answers: []string{"close 1000"}},
		sample{name: "7 no code", sent: clientFrame(bitFin|opClose, nil), answers: []string{"close"}},
		sample{name: "7 half a code", sent: clientFrame(bitFin|opClose, []byte{3}), answers: badFrame},
		sample{name: "7 a reason of 123 bytes", sent: closing(1000, strings.Repeat("*", 123)), answers: []string{"close 1000"}},
		sample{name: "7 a reason of 124 bytes", sent: closing(1000, strings.Repeat("*", 124)), answers: badFrame},
		sample{name: "7 a reason that is no UTF-8", sent: closing(1000, "\xce\xba\xed\xa0\x80"), answers: badFrame},
		sample{name: "7 a reason in Chinese", sent: closing(1000, "再见"), answers: []string{"close 1000"}},
		sample{name: "7 a close in fragments", sent: append(clientFrame(opClose, []byte{3}), clientFrame(bitFin|opContinue, []byte{232})...), answers: badFrame},
	)
}

// 9: messages up to the limit, and above it.
func limits() (list []sample) {
	for _, asJSON := range []bool{false, true} {
		op := byte(opBinary)
		if asJSON {
			op = opText
		}
		largest, text := messageOf(proto.MaxFrame, asJSON)
		larger := append(slices.Clone(largest), ' ')
		add := func(name string, sent []byte, frames, answers []string) {
			list = append(list, sample{name: fmt.Sprintf("9 %s, json %v", name, asJSON), json: asJSON, sent: sent, frames: frames, answers: answers})
		}
		add("the largest message", clientFrame(bitFin|op, largest), []string{text}, nil)
		add("one byte more", clientFrame(bitFin|op, larger), nil, tooLong)
		for _, size := range []int{64, 256, 1024, 4096, 16384} {
			add(fmt.Sprint("the largest message in fragments of ", size), fragmented(op, largest, size), []string{text}, nil)
			add(fmt.Sprint("one byte more in fragments of ", size), fragmented(op, larger, size), nil, tooLong)
		}
		add("a length of 2^62", []byte{bitFin | op, bitMask | 127, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, nil, tooLong)
		add("a fragment that is too long", clientFrame(op, larger), nil, tooLong)
		add("500 empty fragments", slices.Concat(clientFrame(op, largest), bytes.Repeat(clientFrame(opContinue, nil), 500), clientFrame(bitFin|opContinue, nil)), []string{text}, nil)
	}
	var hundred []byte
	var texts []string
	for i := range 100 {
		hundred = append(hundred, clientFrame(bitFin|opBinary, binaryMessage(fmt.Sprint(i)))...)
		texts = append(texts, fmt.Sprint(i))
	}
	return append(list, sample{name: "9 a hundred messages in one write", sent: hundred, frames: texts})
}

// 10: a message that a client's library cuts by itself.
func cuts() (list []sample) {
	for _, asJSON := range []bool{false, true} {
		op := byte(opBinary)
		if asJSON {
			op = opText
		}
		payload, text := messageOf(20000, asJSON)
		for _, size := range []int{1300, 1301, 4096, 19999} {
			list = append(list, sample{
				name: fmt.Sprintf("10 20000 bytes cut at %d, json %v", size, asJSON), json: asJSON,
				sent: fragmented(op, payload, size), frames: []string{text},
			})
		}
	}
	return list
}
