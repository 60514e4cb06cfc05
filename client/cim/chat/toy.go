package chat

import (
	"context"
	"strings"
)

// toyAnswer makes an answer out of a question by taking the question out of it.
func toyAnswer(question string) string {
	return strings.NewReplacer("吗", "", "嘛", "", "?", "!", "？", "！", "你", "我").Replace(question)
}

func (c *chat) startAnswering(context.Context, string) error {
	c.answering = true
	c.screen.print("What you type is answered here and sent to nobody. :qai goes back to chatting.")
	return nil
}

func (c *chat) stopAnswering(context.Context, string) error {
	c.answering = false
	c.screen.print("What you type is sent again.")
	return nil
}
