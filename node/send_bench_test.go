package node

import (
	"context"
	"strconv"
	"testing"

	"github.com/cim-go/cim/proto"
)

// bareRoute stores every message and keeps no request.
type bareRoute struct{ *script }

func (bareRoute) Send(_ context.Context, r *proto.SendRequest) (*proto.SendAnswer, error) {
	answer := &proto.SendAnswer{Items: make([]*proto.SendResult, len(r.Items))}
	for i := range r.Items {
		answer.Items[i] = &proto.SendResult{At: &proto.Mark{Epoch: epoch, Number: int64(i + 1)}, Time: 5}
	}
	return answer, nil
}

// BenchmarkSend reports what a message costs from a client's frame to the answer that
// the client reads, when the route answers at once. One connection has 32 messages in
// flight.
func BenchmarkSend(b *testing.B) {
	const inFlight = 32
	w := start(b, func(c *Config) { c.Messages = bareRoute{c.Messages.(*script)} })
	p := w.withTicket(b, 1, 5)
	if f := p.next(b); f.Cmd != proto.Command_LOGIN_ANSWER {
		b.Fatalf("login was answered with %v", f)
	}
	b.ReportAllocs()
	b.ResetTimer()
	sent, answered := 0, 0
	for answered < b.N {
		for sent < b.N && sent-answered < inFlight {
			p.write(b, &proto.Frame{Cmd: proto.Command_SEND, Id: strconv.Itoa(sent), To: 2, ReqMsg: "hello"})
			sent++
		}
		if f := p.next(b); f.Cmd != proto.Command_SEND_ANSWER || f.Code != 0 {
			b.Fatalf("a message was answered with %v", f)
		}
		answered++
	}
}
