package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto/retry"
)

// talk sends messages over HTTP until ctx ends. It waits for answers until life ends.
func (c *CIM) talk(ctx, life context.Context) {
	count := 0
	for due := time.Now(); ; {
		o := c.orders.next()
		due = due.Add(o.wait)
		if !retry.Sleep(ctx, time.Until(due)) {
			return
		}
		for _, text := range o.texts {
			if ctx.Err() != nil {
				return
			}
			count++
			c.send(life, count, o, text)
		}
	}
}

// send sends one text. Its id exists only in the ledger, because CIM's calls have no ids.
// So if a proxy repeats a call, it makes another message.
func (c *CIM) send(ctx context.Context, count int, o order, text string) {
	r := ledger.Record{Kind: ledger.Sent, ID: fmt.Sprintf("%s-%d", cimDevice, count), Group: ledger.Everyone, Text: text}
	path, body := "/groupRoute", map[string]any{"userId": c.user, "msg": text}
	if o.peer >= 0 {
		r.Group, r.To = 0, c.users[o.peer]
		path, body["receiveUserId"] = "/p2pRoute", r.To
	}
	c.note(r)
	route := c.routes[(c.place+count)%len(c.routes)]
	answer := ledger.Record{Kind: ledger.Accepted, ID: r.ID}
	code, err := c.call(ctx, route, path, body, nil)
	if err != nil || code != "9000" && code != "7000" { // the message may have been stored
		answer.Kind, answer.Note = ledger.Unknown, fmt.Sprintf("%s, %v", code, err)
	}
	c.note(answer)
}

// call posts to one of CIM's paths and returns the code of the answer. Unless the
// parameter data is nil, the body of the answer is decoded into it.
func (c *CIM) call(ctx context.Context, route, path string, q, data any) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, cimCall)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, route+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s was answered %s", path, answer.Status)
	}
	envelope := struct {
		Code     string          `json:"code"`
		DataBody json.RawMessage `json:"dataBody"`
	}{}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if data != nil && envelope.Code == "9000" {
		err = json.Unmarshal(envelope.DataBody, data)
	}
	return envelope.Code, err
}

// register makes the account, or finds the existing one, as CIM's client does.
func (c *CIM) register(ctx context.Context) error {
	var account struct {
		UserID int64 `json:"userId"`
	}
	code, err := c.call(ctx, c.routes[0], "/registerAccount", map[string]any{"userName": c.name}, &account)
	if err == nil && (code != "9000" || account.UserID != c.user) {
		err = fmt.Errorf("%s is %d, and was answered %s, %d", c.name, c.user, code, account.UserID)
	}
	return err
}
