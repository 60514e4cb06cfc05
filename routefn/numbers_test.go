package routefn

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/compat"
)

// place is a position with all its numbers.
var place = proto.Position{Log: 2, Number: 3}

// sampleBodies has a body for every request that takes JSON, with all its numbers set.
// sampleQueries has a query for every request that takes one.
var (
	sampleBodies = map[string]any{
		"register":     proto.RegisterRequest{Name: "alice"},
		"login":        proto.LoginRequest{Name: "alice", User: 5, Device: "phone"},
		"logout":       proto.LogoutRequest{},
		"sessions-end": proto.EndSessions{Others: true},
		"password":     proto.ChangePassword{Old: "a", New: "b"},
		"send":         proto.SendMessage{ID: "1", To: 5, Group: 5, Text: "hi", FirstTry: 5},
		"pull":         proto.PullMessages{After: place, Limit: 1},
		"ack":          proto.AckPositions{Number: 5, Cursors: []proto.Position{place}},
		"schedule":     proto.ScheduleMessage{ID: "1", To: 5, Group: 5, Text: "hi", At: 5, After: 5, FirstTry: 5},
		"role-give":    proto.GiveRole{User: 5, Role: proto.RoleUser},
		"cancel":       proto.CancelMessage{ID: "1"},
		"group-create": proto.CreateGroup{Members: []int64{5}},
		"group-join":   proto.JoinGroup{Group: 5},
		"group-leave":  proto.LeaveGroup{Group: 5},
		"group-add":    proto.AddMember{Group: 5, User: 5},
		"group-remove": proto.RemoveMember{Group: 5, User: 5},
		"group-role":   proto.GiveGroupRole{Group: 5, User: 5, Role: proto.GroupAdmin},

		"group-accept":    proto.JoinGroup{Group: 5},
		"group-decline":   proto.LeaveGroup{Group: 5},
		"contact-request": proto.RequestContact{User: 5},
		"contact-accept":  proto.ContactChange{User: 5},
		"contact-decline": proto.ContactChange{User: 5},
		"contact-remove":  proto.ContactChange{User: 5},
		"contact-remark":  proto.RemarkContact{User: 5},
		"block":           proto.ContactChange{User: 5},
		"unblock":         proto.ContactChange{User: 5},
		"consent-set":     proto.Consent{Write: proto.ByEveryone},

		"report": proto.ReportMessage{At: place, Reason: proto.ReasonSpam},

		"cim-register": compat.User{UserID: 5, UserName: "alice"},
		"cim-login":    compat.User{UserID: 5, UserName: "alice"},
		"cim-offline":  compat.Offline{UserID: 5},
		"cim-group":    compat.MessageRequest{UserID: 5, ReceiveUserID: 5, Msg: "hi"},
		"cim-private":  compat.MessageRequest{UserID: 5, ReceiveUserID: 5, Msg: "hi"},
		"cim-online":   struct{}{},
		"cim-fetch":    compat.Fetch{ReceiveUserID: 5},
	}
	sampleQueries = map[string]url.Values{
		"sessions":      {},
		"export":        {},
		"delivered":     {"id": {"1"}, "to": {"5"}},
		"online":        {"after": {"5"}, "limit": {"5"}},
		"user":          {"id": {"5"}},
		"scheduled":     {"after": {"5:1"}, "limit": {"5"}},
		"groups":        {},
		"role":          {},
		"invitations":   {},
		"contacts":      {"after": {"5"}, "limit": {"5"}},
		"consent":       {},
		"reports":       {"after": {"5"}, "limit": {"5"}},
		"group-members": {"group": {"5"}, "after": {"5"}, "limit": {"5"}},
	}
	withoutNumbers = []string{"members", "node-keys", "refresh", "account-delete", "report-close"}
)

// numbersBeyond are numbers that no field of a request may have.
var numbersBeyond = []string{
	"9007199254740992", "9007199254740993", "1152921504606846976", "9223372036854775807", "9223372036854775808",
	"-9007199254740992", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "1e300", "5.5",
}

func TestNoPathTakesANumberThatBrowsersCannotWrite(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Auth = AuthOpen })
	alice := w.connect("alice", "phone")
	tried := 0
	for _, q := range w.route.requests {
		if q.streamed != nil || slices.Contains(withoutNumbers, q.name) {
			continue
		}
		sample, hasBody := sampleBodies[q.name]
		query, hasQuery := sampleQueries[q.name]
		if !hasBody && !hasQuery {
			t.Errorf("%s has no sample here", q.name)
			continue
		}
		var changed []string
		if hasBody {
			if zero := zeroNumber(reflect.ValueOf(sample)); zero != "" {
				t.Errorf("the sample of %s has no %s", q.name, zero)
			}
			changed = changedBodies(t, sample)
		}
		for _, body := range changed {
			tried++
			status, _, answer := w.call(http.MethodPost, q.path, alice.Token, "application/json", body)
			if code := cimOrCode(t, q, answer); code != "4209" && code != "3000" || q.forCIM() == (status != 200) {
				t.Errorf("%s %s: %d %s", q.path, body, status, answer)
			}
		}
		for _, beyond := range changedQueries(query) {
			tried++
			status, _, answer := w.call(http.MethodGet, q.path+"?"+beyond, alice.Token, "", "")
			if code := cimOrCode(t, q, answer); status != 400 || code != "4209" {
				t.Errorf("%s?%s: %d %s", q.path, beyond, status, answer)
			}
		}
	}
	if tried < 20*len(numbersBeyond) {
		t.Errorf("tried only %d", tried)
	}
	// The largest number itself is an argument like others.
	last := fmt.Sprintf(`{"after":{"log":0,"epoch":"0","number":%d}}`, proto.MaxNumber)
	if status, _, answer := w.call(http.MethodPost, proto.PathPull, alice.Token, "application/json", last); status != 409 {
		t.Errorf("a position that no log has: %d %s", status, answer)
	}
}

// cimOrCode returns the code of an answer in the format of the request's callers.
func cimOrCode(t *testing.T, q request, answer []byte) string {
	t.Helper()
	if q.forCIM() {
		return cimCodeOf(t, string(answer))
	}
	var failed proto.ErrorAnswer
	if err := json.Unmarshal(answer, &failed); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	return fmt.Sprint(int(failed.Code))
}

// zeroNumber returns a number of a sample that is zero, because it would not be tried.
func zeroNumber(v reflect.Value) string {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() == reflect.Int64 && f.IsZero() {
			return v.Type().Field(i).Name
		}
	}
	return ""
}

// changedBodies returns the sample with each of its numbers changed, one at a time.
func changedBodies(t *testing.T, sample any) (list []string) {
	t.Helper()
	b, err := json.Marshal(sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range numbersIn(string(b)) {
		for _, beyond := range numbersBeyond {
			list = append(list, string(b[:at[0]])+beyond+string(b[at[1]:]))
		}
	}
	return list
}

// numbersIn returns where the numbers stand in a JSON text whose names have no digits.
func numbersIn(text string) (places [][2]int) {
	quoted, from := false, -1
	for i, c := range text {
		digit := !quoted && c >= '0' && c <= '9'
		switch {
		case c == '"':
			quoted = !quoted
		case digit && from < 0:
			from = i
		case !digit && from >= 0:
			places, from = append(places, [2]int{from, i}), -1
		}
	}
	return places
}

// changedQueries returns the query with each of its numbers changed, one at a time.
func changedQueries(query url.Values) (list []string) {
	for name, values := range query {
		if !strings.HasPrefix(values[0], "5") {
			continue
		}
		for _, beyond := range numbersBeyond {
			changed := maps.Clone(query)
			changed[name] = []string{beyond + strings.TrimPrefix(values[0], "5")}
			list = append(list, changed.Encode())
		}
	}
	return list
}
