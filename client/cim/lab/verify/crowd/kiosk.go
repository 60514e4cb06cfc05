package crowd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
)

// kioskDevice is the name of a device that logs in and out, and is shown nothing.
const kioskDevice = "kiosk"

const (
	everyKiosk = 20              // one user in this many has a kiosk
	kioskPause = 3 * time.Second // between a logout and the next login
)

// kiosk is a device that many people use. It logs in, logs out, and then sends its old
// token to all routes, as somebody who found the token would do.
type kiosk struct {
	*Device // the user's first device, of which the kiosk uses only the user
	http    *http.Client
	routes  []string
	count   int
}

// visit logs in and out until ctx ends. It waits for answers until life ends.
func (k *kiosk) visit(ctx, life context.Context) {
	config := k.config
	config.Device, config.Dial, config.History = kioskDevice, nil, nil
	for retry.Sleep(ctx, kioskPause) {
		k.note(ledger.LoggedIn, "", "", "") // recorded before the call, because even a call that fails may have opened a session
		c, err := client.Connect(ctx, config)
		if err != nil {
			continue
		}
		k.note(ledger.LoggedIn, "", "", "")
		token := c.Token()
		if c.Logout(life) != nil {
			continue // it is not known whether the token is void
		}
		k.note(ledger.LoggedOut, "", "", "")
		for _, route := range k.routes {
			k.tryAll(life, route, token)
		}
	}
}

func (k *kiosk) note(kind ledger.Kind, note, code, id string) {
	k.ledger.Write(ledger.Record{Kind: kind, User: k.user, Device: kioskDevice, Note: note, Code: code, ID: id})
}

// outcomeOf returns the outcome of a message, from the answer to its send. A store that
// has lost the logout may accept the message. An answer that says to retry later does not
// prove that the message is stored nowhere. A proxy may have made an earlier copy of the
// same call, which may have succeeded.
func outcomeOf(status int, err error) ledger.Kind {
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		return ledger.Unknown
	case status == http.StatusTooManyRequests || status == http.StatusTooEarly || status == http.StatusRequestTimeout:
		return ledger.Unknown
	case status == http.StatusOK:
		return ledger.Accepted
	default:
		return ledger.Refused
	}
}

// tryAll makes several kinds of calls to a route with the token.
func (k *kiosk) tryAll(ctx context.Context, route, token string) {
	k.count++
	id := fmt.Sprintf("%s-%d", kioskDevice, k.count)
	m := client.Outgoing{ID: id, To: k.user, Text: "sent after the logout"}
	for _, try := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, proto.PathLogin, proto.LoginRequest{Device: kioskDevice, Token: token}},
		{http.MethodPost, proto.PathPull, proto.PullMessages{}},
		{http.MethodGet, proto.PathGroups, nil},
		{http.MethodGet, fmt.Sprintf("%s?id=%s&to=%d", proto.PathDelivered, id, k.user), nil},
		{http.MethodPost, proto.PathSend, proto.SendMessage{ID: m.ID, To: m.To, Text: m.Text}},
	} {
		if try.path == proto.PathSend {
			k.noteSent(kioskDevice, m, 0, 0)
		}
		status, err := k.show(ctx, try.method, route+try.path, token, try.body)
		if try.path == proto.PathSend {
			k.note(outcomeOf(status, err), "", "", id)
		}
		if err != nil {
			continue // the call was not answered, so the route accepted nothing
		}
		code := fmt.Sprint(status)
		if status == http.StatusOK {
			code = ledger.Served
		}
		k.note(ledger.Tried, fmt.Sprintf("%s %s at %s", try.method, try.path, route), code, "")
	}
}

func (k *kiosk) show(ctx context.Context, method, url, token string, q any) (status int, err error) {
	var body io.Reader
	if q != nil {
		text, err := json.Marshal(q)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := k.http.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
