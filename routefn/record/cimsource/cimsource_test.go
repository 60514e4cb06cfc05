package cimsource

import (
	"fmt"
	"testing"
	"time"
)

func TestMessageOfCIMIsReadInEachForm(t *testing.T) {
	at := time.Date(2026, 4, 5, 12, 34, 56, 789_000_000, time.UTC)
	snowflake := (at.UnixMilli()-epoch)<<timeShift | 1<<12 | 7
	object := `{"messageId":1,"receiveUserId":2,"content":"a \"b\"","createdAt":"2026-04-05T12:34:56.789","properties":{"sendUserId":"1","sendUserName":"alice","receiveUserId":"2"}}`
	quoted := fmt.Sprintf("%q", object)
	for _, value := range []string{object, quoted} {
		for _, id := range []int64{snowflake, 5} {
			m, err := parseMessage(fmt.Sprint(id), value)
			if err != nil || m.From != 1 || m.FromName != "alice" || m.To != 2 || m.Text != `a "b"` || m.Time != at.UnixMilli() || m.ID != fmt.Sprint("cim-", id) {
				t.Errorf("%s as %d: %+v, %v", value, id, m, err)
			}
		}
	}
}
