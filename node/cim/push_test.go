package cim

import (
	"encoding/json"
	"testing"

	"github.com/cim-go/cim/node/link"
)

type nobody struct{}

func (nobody) CIM(int64) []*link.Link { return nil }

// Anything that is no push is refused, and every answer is one that CIM's route reads.
func FuzzPush(f *testing.F) {
	f.Add([]byte(`{"userId":1,"msg":"hi","batchMsg":null,"cmd":"MESSAGE","properties":{"sendUserId":"2"}}`))
	f.Add([]byte(`{"userId":9007199254740992,"msg":"hi","cmd":"MESSAGE"}`))
	f.Add([]byte(`{"cmd":"OFFLINE","batchMsg":["a"]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer, ok := Push(body, nobody{}).(envelope)
		if _, err := json.Marshal(answer); !ok || err != nil || answer.Code != codeInvalid && answer.Code != codeOffline {
			t.Errorf("%s: %+v, %v", body, answer, err)
		}
	})
}
