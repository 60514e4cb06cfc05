package routefn

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
)

// maxCIMBatch bounds the texts of one call.
const maxCIMBatch = 100

// cimMessage is what CIM's clients send. One of Msg and BatchMsg is usual; with
// both, Msg goes first.
type cimMessage struct {
	UserID        int64    `json:"userId"`
	ReceiveUserID int64    `json:"receiveUserId"`
	Msg           string   `json:"msg"`
	BatchMsg      []string `json:"batchMsg"`
}

func (q cimMessage) texts() []string {
	if q.Msg == "" && len(q.BatchMsg) > 0 {
		return q.BatchMsg
	}
	return append([]string{q.Msg}, q.BatchMsg...)
}

// CIMGroup serves POST /groupRoute: a message to everyone but the sender.
func (rt *Route) CIMGroup(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-group", func(ctx context.Context, q cimMessage) (any, error) {
		_, err := rt.sendCIM(ctx, q.UserID, 0, proto.Everyone, []string{q.Msg})
		return nil, err
	})
}

// CIMPrivate serves POST /p2pRoute: a message, or several in their order, to one
// user. 7000 says that he has no connection, and that they are kept for him.
func (rt *Route) CIMPrivate(w http.ResponseWriter, r *http.Request) {
	serveCIM(rt, w, r, "cim-private", func(ctx context.Context, q cimMessage) (any, error) {
		stored, err := rt.sendCIM(ctx, q.UserID, q.ReceiveUserID, 0, q.texts())
		if err != nil {
			return nil, err
		}
		if receiver := stored[len(stored)-1].Copies[0]; len(receiver.Sessions) == 0 {
			return cimEnvelope{Code: cimOffline, Message: "The receiver is offline; the message is kept for him."}, nil
		}
		return nil, nil
	})
}

// sendCIM stores texts under ids of the route's own making: CIM has none, so that
// a call that is repeated is another message, as it is with CIM.
func (rt *Route) sendCIM(ctx context.Context, user, to, group int64, texts []string) ([]record.Appended, error) {
	if len(texts) > maxCIMBatch {
		return nil, invalid("A batch has at most 100 messages.")
	}
	messages := make([]record.Message, len(texts))
	for i, text := range texts {
		m := record.Message{ID: rand.Text(), To: to, Group: group, Text: text, Sent: rt.cfg.Store.Now()}
		if err := rt.checkMessage(m.ID, to, group, text, false); err != nil {
			return nil, err
		}
		messages[i] = m
	}
	if !validUser(user) {
		return nil, invalid("The userId is not a user id.")
	}
	account, err := rt.accountNamed(ctx, user, "")
	if err != nil {
		return nil, err
	}
	by := sender{user: account.User, name: account.Name, device: proto.CIMDevice}
	if group == 0 {
		return rt.send(ctx, by, messages)
	}
	// CIM's client shows whatever arrives. A group is pushed to nodes, not to
	// sessions, so the sender's own connection is left out by its number.
	own, err := rt.session(ctx, user, proto.CIMDevice)
	if err != nil {
		return nil, err
	}
	if own != nil {
		by.number = own.Number
	}
	return rt.send(ctx, by, messages)
}
