// Package spectables keeps the generated parts of protocol/SPEC.md true: the
// wire format, the tables of limits and words, and the two tables of states.
// It is all tests. Without a flag they fail where the page and the code differ;
// scripts/gen runs them with -write to get the page anew.
//
// The package must not know what the rules are: every number and every row is
// taken from the package that goes by it.
package spectables
