package main

import (
	"fmt"

	"github.com/beckon-p2p/beckon/api"
)

// missedTable prints missed invitations, one a line: who, when, how often, why.
func (p *program) missedTable(list []api.Invitation) {
	rows := [][]string{{"ID", "LAST", "FROM", "APP", "CHANNEL", "TIMES", "WHY"}}
	for _, inv := range list {
		m := missedOf(inv)
		times := fmt.Sprint(m.Count)
		if m.Count > 1 {
			times += " since " + when(m.FirstAt)
		}
		rows = append(rows, []string{inv.ID, when(m.LastAt), shortPeer(inv.CallerID), inv.App, orDash(inv.ChannelID), times, orDash(m.Why)})
	}
	p.rows(rows)
}

// missedOf is what is known of a missed invitation; of one from before such
// things were told, that it came once.
func missedOf(inv api.Invitation) api.MissedCalls {
	if inv.Missed != nil {
		return *inv.Missed
	}
	return api.MissedCalls{Count: 1, FirstAt: inv.CreatedAt, LastAt: inv.CreatedAt}
}

// missedText is a line about a missed invitation.
func missedText(inv api.Invitation) string {
	m := missedOf(inv)
	text := fmt.Sprintf("missed: %s  from %s  %s", inv.ID, inv.CallerID, when(m.LastAt))
	if m.Count > 1 {
		text += fmt.Sprintf("  %d times since %s", m.Count, when(m.FirstAt))
	}
	if m.Why != "" {
		text += "  (" + m.Why + ")"
	}
	return clean(text)
}
