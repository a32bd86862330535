package kills

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run saw.
type Report struct {
	Kills       int
	Victims     map[string]int
	Early       int // further kills, before a process was ready
	Ended       int // processes that ended by themselves
	Commands    int // of the clients
	Sent        int // requests of these commands
	OverBus     int // of them over the tenants' bus
	Repeated    int // commands that were sent more than once
	Accepted    int
	Refused     int
	Unavailable int // answers 503
	Unknown     int // requests that the node's death left without an answer
	Servers     int // at the end
	Confirmed   int // resizes that their probe confirmed
	Reverted    int // resizes that their probe reverted
	Silent      int // of resizes with a probe, those that were reverted since nobody answered it
	Switches    int // in the hosts' power logs

	Lost     int // accepted, and not there or not accepted any more
	Doubled  int // commands that ran twice
	Stuck    int // unfinished long after the load ended
	Failed   int // ended badly on hosts without faults
	Overlaps int // servers that were on at two places
	Orphans  int // operations that hosts worked for and no row names
	// Forgotten are commands that were answered 503 though broker and database were there.
	Forgotten int
	// Misjudged are probes that decided a resize otherwise than their server's guest was.
	Misjudged int
	// Blind are subscribers that saw something wrong, or did not know at the end what the cloud has.
	Blind int

	Followed []int // events that each subscriber got
	Again    int   // events that came again
	Lives    int   // of all subscribers

	Log        int64         // bytes of the longest write-ahead log that a kill left
	Quiet      time.Duration // from the end of the load to the last operation's end
	Unfinished []int         // operations under way, at each kill
	Ready      []time.Duration
	Answers    map[string][]time.Duration // by what had happened: until an account's writes were answered again
	Steps      map[string]int             // kills at which the step was under way
	// Broken says in words everything that was wrong; the first ones only.
	Broken []string
	More   int // further ones
}

// mostBroken bounds the words of a report.
const mostBroken = 40

func (r *Report) broken(format string, args ...any) {
	if len(r.Broken) >= mostBroken {
		r.More++
		return
	}
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

func newReport() Report {
	return Report{Victims: map[string]int{}, Steps: map[string]int{}, Answers: map[string][]time.Duration{}}
}

func (r *Report) kill(victim string, l left) {
	r.Kills++
	r.Victims[victim]++
	r.Unfinished = append(r.Unfinished, l.unfinished)
	for step := range l.steps {
		r.Steps[step]++
	}
}

func (r *Report) ready(took time.Duration) { r.Ready = append(r.Ready, took) }

func median[T int | time.Duration](list []T) T {
	if len(list) == 0 {
		return 0
	}
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

// MedianUnfinished is how many operations were under way at the median kill.
func (r *Report) MedianUnfinished() int { return median(r.Unfinished) }

// Missing lists the steps of names that no kill met.
func (r *Report) Missing(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return r.Steps[s] > 0 })
}

// String is the report for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kills %d (%s; %d more before ready, %d processes ended by themselves); commands %d (%d requests, %d of them over the bus; %d commands repeated), accepted %d, refused %d, 503 %d, unanswered %d\n",
		r.Kills, counts(r.Victims), r.Early, r.Ended, r.Commands, r.Sent, r.OverBus, r.Repeated, r.Accepted, r.Refused, r.Unavailable, r.Unknown)
	fmt.Fprintf(&b, "unfinished at the median kill %d, least %d; restart to ready %s; quiet after %s\n",
		r.MedianUnfinished(), least(r.Unfinished), spread(r.Ready), r.Quiet.Round(time.Millisecond))
	for _, what := range slices.Sorted(maps.Keys(r.Answers)) {
		fmt.Fprintf(&b, "%s, until its accounts answer: %s of %d\n", what, spread(r.Answers[what]), len(r.Answers[what]))
	}
	fmt.Fprintf(&b, "servers at the end %d, power switches %d, longest log of the store %d MiB\n", r.Servers, r.Switches, r.Log>>20)
	fmt.Fprintf(&b, "probes have confirmed %d resizes and reverted %d; %d more since nobody answered\n", r.Confirmed, r.Reverted, r.Silent)
	fmt.Fprintf(&b, "subscribers %d, which died %d times, events of each %v, and %d again\n", len(r.Followed), r.Lives, r.Followed, r.Again)
	fmt.Fprintf(&b, "kills that met a step under way: %s\n", counts(r.Steps))
	fmt.Fprintf(&b, "lost %d, doubled %d, stuck %d, failed %d, two homes %d, orphans %d, forgotten %d, misjudged %d, blind %d, wrong in all %d",
		r.Lost, r.Doubled, r.Stuck, r.Failed, r.Overlaps, r.Orphans, r.Forgotten, r.Misjudged, r.Blind, len(r.Broken)+r.More)
	for _, s := range r.Broken {
		b.WriteString("\n- " + s)
	}
	if r.More > 0 {
		fmt.Fprintf(&b, "\n- and %d more", r.More)
	}
	return b.String()
}

// counts lists what was counted; no name is what an operation does without a host.
func counts(of map[string]int) string {
	list := make([]string, 0, len(of))
	for name, n := range of {
		if name == "" {
			name = "(admission, release)"
		}
		list = append(list, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// spread is the median and the worst of times.
func spread(times []time.Duration) string {
	return fmt.Sprintf("median %s, worst %s", median(times).Round(time.Millisecond), Worst(times).Round(time.Millisecond))
}

// Worst is the longest of times.
func Worst(times []time.Duration) time.Duration {
	worst := time.Duration(0)
	for _, d := range times {
		worst = max(worst, d)
	}
	return worst
}

func least(list []int) int {
	if len(list) == 0 {
		return 0
	}
	return slices.Min(list)
}
