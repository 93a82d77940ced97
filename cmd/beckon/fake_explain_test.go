package main

import (
	"github.com/beckon-p2p/beckon/api"
)

// explain tells steps that show how they are printed.
func (f *fake) explain(inv api.Invitation) any {
	x := api.Explanation{ID: inv.ID, Kind: inv.Kind, Other: api.OtherUnreachable, Steps: []api.Step{
		{Side: api.SideHere, Code: "sent", Text: "The caller sent it."},
		{Side: api.SideHere, Code: "asked", SinceMS: 500.25, Text: "Asked the DHT."},
	}, Verdict: api.Verdict{Code: "no_address", Sentence: "It did not ring: nobody knew it", Advice: "start it", Warnings: []api.Warning{}}}
	if inv.State == api.AcceptedByRemote {
		within := 0.25
		x.Alignment = &api.Alignment{Pairs: 2, WithinMS: &within}
		x.Other = api.OtherMerged
		x.Steps[1] = api.Step{Side: api.SideThere, Code: "x", SinceMS: -90_000, Text: "It turned red: \x1b[31m."}
		x.Verdict = api.Verdict{Rang: true, Code: "accepted", Sentence: "It rang and was accepted", Warnings: []api.Warning{{Code: "relayed", Sentence: "it went through a relay"}}}
	}
	return x
}
