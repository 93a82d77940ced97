// Package client speaks to beckond over its Unix socket, for apps written in
// Go. It does what api/openapi.yaml describes, and one thing more: Events
// follows the daemon across restarts without losing or repeating an event.
//
// An app that rings and accepts:
//
//	c := client.New("")
//	defer c.Close()
//	for ev, err := range c.Events(ctx, client.EventOptions{Apps: []string{"call"}}) {
//		if err != nil {
//			return err // the daemon refuses the request itself: no use in going on
//		}
//		switch ev.Type {
//		case api.EventHello: // the present: ring for what is live
//		case api.RemoteInvitationReceived:
//			c.Accept(ctx, ev.Invitation.ID, "my answer")
//		}
//	}
//
// An error is an *api.Problem when the daemon answered (errors.As; switch on
// its Code), and matches ErrNotRunning when it did not.
//
// The package must not know how beckond works: it imports api and the
// standard library only.
package client
