// Package javacim writes what CIM's own, Java routes keep in Redis, as the commands that
// they would have sent. It is for tests of imports.
package javacim

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Data is what CIM's Redis is to hold.
type Data struct {
	Commands [][]any
	sequence int64
}

// Account registers an account.
func (d *Data) Account(user int64, name string) {
	d.Set(fmt.Sprint("cim-account:", user), name)
	d.Set(name, fmt.Sprint("cim-account:", user))
}

// Set sets a string.
func (d *Data) Set(key, value string) { d.Commands = append(d.Commands, []any{"set", key, value}) }

// Waits leaves a message to wait for its receiver, and returns CIM's id for it.
func (d *Data) Waits(from int64, name string, to int64, text string, at time.Time) int64 {
	d.sequence++
	id := (at.UnixMilli()-1622505600000)<<22 | 1<<12 | d.sequence%4096
	d.WaitsAs(id, from, name, to, text, at)
	return id
}

// WaitsAs is Waits with the id.
func (d *Data) WaitsAs(id, from int64, name string, to int64, text string, at time.Time) {
	message, _ := json.Marshal(map[string]any{ // never fails
		"messageId": id, "receiveUserId": to, "content": text, "messageType": 0, "status": 0,
		"createdAt":  at.Format("2006-01-02T15:04:05.999999999"),
		"properties": map[string]string{"sendUserId": strconv.FormatInt(from, 10), "sendUserName": name, "receiveUserId": strconv.FormatInt(to, 10)},
	})
	// The value is a string for CIM's serializer, which makes JSON of it once more.
	value, _ := json.Marshal(string(message))
	key := fmt.Sprint("offline:msg:", id)
	d.Commands = append(d.Commands,
		[]any{"set", key, string(value)}, []any{"expire", key, 7 * 24 * 3600},
		[]any{"rpush", fmt.Sprint("offline:msg:user:", to), strconv.FormatInt(id, 10)})
}

// Delivered removes messages as CIM does once their receiver has fetched them.
func (d *Data) Delivered(to int64, ids ...int64) {
	for _, id := range ids {
		d.Commands = append(d.Commands,
			[]any{"del", fmt.Sprint("offline:msg:", id)}, []any{"lrem", fmt.Sprint("offline:msg:user:", to), 0, strconv.FormatInt(id, 10)})
	}
}
