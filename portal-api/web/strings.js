/* What the page says, in one place. {name} stands for a value. */

export const strings = {
	app: "Callbridge",
	skip: "Skip to content",
	loading: "Loading…",
	none: "Nothing here.",
	retry: "Try again",
	close: "Close",
	cancel: "Cancel",
	save: "Save",
	create: "Create",
	edit: "Edit",
	show: "Show",
	remove: "Remove",
	yes: "yes",
	no: "no",
	all: "All",
	next: "Next page",
	previous: "Previous page",
	first: "First page",
	copied: "Copied",
	exportAs: { csv: "Export as CSV", json: "Export as JSON" },
	unreachable: "The service does not answer. Is it running?",
	lost: "The service does not answer since {time}. What is shown may be out of "
		+ "date; this page goes on by itself as soon as it answers.",
	saved: "Saved.",
	secret: "(not shown)",
	removed: "{name} was removed.",
	reallyRemove: "Remove {name} for good? This cannot be undone.",
	byFile: "From a customer file on the node: read-only here.",
	whole: "All customers",

	nav: {
		overview: "Overview", services: "Services", users: "Users",
		sync: "Sync", calls: "Calls", tests: "Tests", reports: "Reports", templates: "Templates",
		admins: "Admins and tokens", audit: "Audit", nodes: "Nodes",
	},
	/* words of settings that are not written as they are */
	spelt: {
		sip: "SIP", upn: "UPN", pbx: "PBX", tls: "TLS", dtmf: "DTMF",
		nat: "NAT", id: "ID", refer: "REFER", ca: "CA", se: "SE", mwi: "MWI",
		prack: "PRACK", fqdn: "host name", e164: "E.164", teams: "Teams",
		dnd: "DND", ptime: "packet time",
	},

	navLabel: "Pages",
	tenantLabel: "Customer",
	signedInAs: "{name} ({role})",
	signOut: "Sign out",

	roles: {
		"msp-admin": "MSP administrator",
		"msp-support": "MSP support, read-only",
		"tenant-admin": "Customer's administrator",
		"tenant-viewer": "Customer's viewer, read-only",
	},

	signIn: {
		title: "Sign in",
		name: "Name",
		password: "Password",
		go: "Sign in",
		or: "or",
		wait: "Too many wrong attempts. Try again in {s} s.",
		noAdmin: "Nobody can sign in yet. Open the one-time link that the service has "
			+ "written to its log, or ask for a new one on the node:",
		noAdminCommand: "callbridge admin link",
		firstTitle: "Welcome",
		firstText: "Make the first administrator. The link you followed is good "
			+ "once, for an hour.",
		again: "Password again",
		differ: "The two passwords differ.",
		firstGo: "Make administrator and sign in",
		over: "Your session has ended. Sign in again.",
		overHere: "Your session has ended. Sign in again to go on where you are: "
			+ "nothing of what you typed is lost.",
		leave: "Leave instead",
	},

	password: {
		title: "Change password",
		old: "Password now",
		next: "New password",
		done: "The password was changed. Other sessions of yours have ended.",
	},

	states: {
		off: "Off", queued: "Waiting", registered: "Registered",
		lagging: "Lagging", failing: "Failing",
	},
	stateHelp: {
		off: "Not enabled: the user is kept, but not registered.",
		queued: "The first registration waits for its turn.",
		registered: "Registered at the PBX: calls can come and go.",
		lagging: "Registers, but cannot keep up with the time that the PBX "
			+ "grants: calls may be missed.",
		failing: "Not registered: calls from the PBX do not reach this user.",
	},
	indicator: {
		since: "Since {time}",
		pbxSays: "The PBX says: {words}",
		copy: "Copy for the PBX admin",
		mail: "Registration of {number} ({upn})\nAs: {aor}\nState: {state} since {time}\n"
			+ "Reason: {reason}\nThe PBX's answer: {words}\nPBX software: {server}\n"
			+ "Our Contact: {contact}\nWhat to do: {advice}\n",
	},

	conflict: {
		title: "Somebody else has changed this since you opened it.",
		by: "It was {who}, {time}.", somebody: "",
		gone: "Somebody else has removed this since you opened it.",
		setting: "Setting", before: "As you found it", theirs: "Theirs",
		mine: "Yours", sameNow: "Both say the same.",
		both: "Go on with both, yours where they differ",
		take: "Take theirs",
	},

	overview: {
		registrations: "Registrations",
		callsNow: "Calls now",
		callsToday: "Calls today",
		failuresToday: "Failed calls today",
		trunks: "Trunks to Microsoft Teams",
		up: "up", down: "down",
		seen: "Teams pings us", unseen: "Teams does not ping us",
		attention: "What needs a person first",
		calm: "Nothing that this service knows of.",
		user: "user", users: "users",
		needs: {
			registrations: "PBX {pbx} of {tenant}, as {name}",
			trunk: "No trunk to Microsoft Teams: {name} of {tenant}",
			certificate: "The certificate towards Microsoft Teams ends {date}",
			teams: "No calls to or from Microsoft Teams: there is no certificate for it",
			sync: "Microsoft 365 of {tenant} cannot be asked",
			"sync-secret": "The secret for Microsoft 365 of {tenant} ends {date}",
		},
		advice: {
			"sync-secret": "Make a new one under Certificates & secrets of the app "
				+ "registration, and enter it on the page Sync.",
			trunk: "No calls to or from Teams for this customer. Is the name in DNS, in "
				+ "the certificate and in the Teams admin center, and does the firewall "
				+ "let port and addresses through?",
			teams: "Set teams.certificate and teams.key in callbridge.yaml: a certificate "
				+ "of a public authority with the customers' names in it. Then restart.",
			certificate: "When it has ended Teams takes no calls from this service any "
				+ "more. Renew it, put it in the same file, then: callbridge reload",
		},
		whom: "Show these users",
		failures: "Failed calls today, by cause", example: "Newest example",
		certificates: "Certificates of this service",
		use: "For", uses: { teams: "Microsoft Teams", pbx: "PBXs (TLS)",
			portal: "this page" },
		daysLeft: "Left", days: "{days} days", ended: "has ended",
		ends: "Ends", chain: "Chain", trusted: "trusted", names: "Names",
		issuer: "Signed by",
		noCertificate: "None: no TLS towards PBXs, no Teams, and this page over "
			+ "plain HTTP.",
		noTeams: "None: the node has no certificate for Teams (teams.certificate in "
			+ "callbridge.yaml).",
		noTrunk: "None yet: each customer's name towards Teams makes one.",
		lacksName: "The certificate does not bear the name {fqdn}: Teams refuses it.",
		unseenWhy: "Teams does not ask for this name: is the gateway enabled in the "
			+ "Teams admin center, and does the firewall let Teams in?",
		welcome: "Next steps",
		done: "(done)",
		step1: "Make a customer",
		step1Text: "its name, and the name under which Teams reaches its gateway",
		step2: "Describe its PBX",
		step2Text: "choose the product; only what it needs is asked for, and what "
			+ "the firewall is to let through is shown",
		step3: "Import its users",
		step3Text: "from a CSV file, or one by one",
		step4: "Watch them turn green",
		step4Text: "whoever does not says why, and what to do",
		step5: "Test it",
		step5Text: "calls both ways, transfers, voice; with a report to keep",
		why: "Why",
		fqdn: "Name", proxy: "Microsoft's proxy",
		proxies: "Microsoft's proxies", proxiesUp: "{up} of {all} up,",
	},

	services: {
		title: "Customers and PBXs",
		inFile: "comes from a customer file on the node",
		newTenant: "New customer",
		newPbx: "New PBX",
		pbxs: "PBXs of {tenant}",
		noPbx: "No PBX yet.",
		choose: "Choose a customer above to see its PBXs.",
		customer: "Customer", fqdn: "Name towards Teams",
		template: "Template", where: "Address",
		custom: "Custom (all settings)",
		own: "All settings",
		ownHelp: "Also those that the template knows already",
		notes: "Notes of the template",
		evidence: "Evidence: {evidence}",
		firewall: "Firewall",
		pbxSaved: "Saved. Next: what is below is to be let through, then import "
			+ "the users.",
		asTemplate: "as the template: {value}",
		byDefault: "default: {value}",
		isSet: "set; leave empty to keep it",
		editPbx: "PBX {name}", editTenant: "Customer {name}",
	},

	firewall: {
		title: "To let through on firewalls: PBX {pbx}",
		help: "At the PBX and at this service. Where a firewall offers \"SIP ALG\" "
			+ "or \"SIP helper\", switch it off.",
		what: "For", transport: "Protocol", ours: "This service",
		theirs: "The other side", port: "port {ports}", any: "any port",
		signalling: "signalling", media: "voice",
		sides: { pbx: "PBX", teams: "Microsoft Teams" },
		directions: { in: "they connect to this service",
			out: "this service connects to them", both: "in both directions" },
		arrows: { in: "←", out: "→", both: "↔" },
		seen: "The PBX knows this service as:",
		unseen: "Nobody has registered at this PBX yet; with the first user it "
			+ "shows here as whom the PBX knows this service.",
		copy: "Copy as text",
	},

	users: {
		title: "Users",
		search: "Search by name, number or SIP username",
		state: "State", pbx: "PBX", user: "Teams user", name: "Name",
		number: "Number", sip: "SIP username", auth: "SIP auth username",
		secret: "Password", set: "set", unset: "not set",
		inFile: "in its file",
		newUser: "New user", editUser: "User {name}",
		importCsv: "Import CSV", exportCsv: "Export CSV",
		count: "Users found: {count}",
		select: "Select {name}", selectAll: "Select all on this page",
		selected: "{count} selected",
		enable: "Enable", disable: "Disable", register: "Register now",
		edit: "Change settings", editMany: "Change {count} users",
		editHelp: "Tick what is to be the same for all of them; an empty field "
			+ "takes the setting away. The rest stays as it is.",
		selectFound: "Select all {count} found",
		selectFoundMax: "Select the first {max} found",
		clear: "Clear selection",
		bulkDone: "{count} done.",
		bulkFailed: "{count} done; {failed} not, and stay selected:",
		change: "Change {field}",
		stop: "Stop",
		needTenant: "Choose a customer above to add or import users.",
		reallyRemove: "Remove {count} users for good? This cannot be undone.",
		file: "CSV file with a header line",
		fileHelp: "Columns: upn, number, pbx, sip_username, sip_auth_username, "
			+ "sip_password, name, enabled",
		mode: "What is in the file",
		modes: {
			merge: "adds users and changes those that are there",
			create: "adds users; refuse those that are there",
			replace: "is all: remove users that are not in it",
		},
		check: "Check only",
		importNow: "Import",
		progress: "{done} of {total}", progressLabel: "How far it is",
		would: "Would be created: {created}, changed: {changed}, unchanged: "
			+ "{unchanged}, removed: {removed}.",
		did: "Created: {created}, changed: {changed}, unchanged: {unchanged}, "
			+ "removed: {removed}.",
		errors: "{count} mistakes; nothing was changed.",
		line: "Line", field: "Field", problem: "What is wrong",
	},

	calls: {
		title: "Calls",
		now: "Calls now", nowNone: "Nobody is on the phone.",
		recorded: "Recorded calls",
		number: "Number, or its last digits",
		user: "Teams user", from: "From", to: "To",
		times: "Time", lastDay: "last 24 hours", lastWeek: "last 7 days",
		lastMonth: "last 30 days", lastQuarter: "last 90 days", ever: "all",
		ownTimes: "from … to …",
		outcome: "Outcome", failed: "failed (all causes)",
		results: {
			running: "running", answered: "answered", busy: "busy",
			no_answer: "not answered", declined: "declined",
			cancelled: "caller hung up before the answer",
			unavailable: "phone not there", not_found: "no such number",
			forbidden: "not allowed", media: "no voice in common",
			network: "no connection", congestion: "overload",
			fault: "fault",
		},
		states: { trying: "trying", ringing: "ringing", answered: "in a call" },
		voiceFair: "below 4.0", voiceWeak: "below 3.6 (many are dissatisfied)",
		voicePoor: "below 3.1 (nearly all are dissatisfied)",
		find: "Open a call by its id",
		open: "Open",
		start: "Start", direction: "Direction", caller: "Caller",
		callee: "Called", duration: "Duration", result: "Result",
		mos: "Voice (MOS)", details: "Details",
		from_teams: "from Teams", from_pbx: "from the PBX",
		one: "Call {id}",
		what: "What happened", advice: "What to do", field: "Setting to look at first",
		endedBy: "Ended by", transferredTo: "Transferred to",
		decisions: "Why: what was decided, in order",
		after: "After", topic: "About", decision: "What",
		quality: "Voice and signalling of each side",
		side: "Side", teams: "Teams", pbx: "PBX", bridge: "Callbridge",
		codec: "Codec", srtp: "Encryption", answer: "SIP answer",
		received: "Packets received", sent: "Packets sent", lost: "Lost",
		jitter: "Jitter", rtt: "Round trip", shown: "Number shown",
		plain: "none",
		ladder: "Messages",
		ladderLabel: "Ladder of the messages between PBX, Callbridge and Teams",
		ladderNone: "The messages of this call are not in memory any more.",
		message: "Message {n}: {line}",
		pcap: "Download capture (pcapng)",
		pcapRedacted: "Capture with other numbers and names",
		back: "Back to the calls",
		notFound: "There is no call of this id.",
		share: "Share this call",
		shareText: "A link shows this call, its messages and its voice quality to "
			+ "whoever has it, without an account, and nothing else. It shows the "
			+ "call as it is now.",
		good: "The link is good for", hour: "1 hour", day: "1 day", week: "7 days",
		month: "30 days",
		withNumbers: "Show numbers and names. Otherwise others stand in their place.",
		noNumbers: "Other numbers and names will stand in the place of the true ones.",
		makeLink: "Make link", copyLink: "Copy link",
		linkOnce: "The link, told only now; good until {time}:",
		links: "Links to this call", madeBy: "Made by", until: "Good until",
		numbersShown: "With numbers", opened: "Times opened", takeBack: "Take back",
		linkOver: "This link is not good any more. Ask whoever gave it to you for "
			+ "another one.",
		sharedUntil: "This call was shared with you by a link, which is good until "
			+ "{time}.",
		sharedRedacted: "This call was shared with you by a link, which is good until "
			+ "{time}. Numbers and names in it are not the true ones.",
	},

	voice: {
		title: "The voice of this call",
		text: "What both sides say is kept as packets without encryption, in "
			+ "memory alone, and can be played with Wireshark. Keys that are "
			+ "pressed are left out. Who asks and who fetches it is in the "
			+ "audit. See to it that those who speak may be recorded.",
		over: "This call is over: what was kept of it can be fetched for 15 "
			+ "minutes after the time that was asked for.",
		long: "Keep it for", minutes: "{n} min",
		begin: "Keep the voice",
		begun: "The voice is kept for up to {n} min from now.",
		fetch: "Download what is kept", stop: "Throw it away",
		gone: "Nothing is kept any more.",
	},

	tests: {
		title: "Tests",
		how: "The same from a command line: have this service run a test, or keep "
			+ "here the report of one that ran elsewhere.",
		command: "callbridge test run --on-node --tenant NAME --pbx NAME\n"
			+ "callbridge test keep --tenant NAME report.json",
		none: "Nothing was tested yet.", all: "All tests",
		time: "Begun", who: "By", verdict: "Verdict", counts: "Outcome",
		pbx: "PBX", what: "What",
		one: "{what} – {pbx}", begun: "Begun {time} by {who}.",
		case: "Test", step: "Step", check: "Check", observed: "Observed",
		advice: "What to do", readiness: "Readiness",
		verdicts: {
			passed: "passed", failed: "failed", skipped: "skipped",
			stopped: "stopped", running: "runs", interrupted: "interrupted",
			nothing: "nothing tried",
			pass: "good", info: "for information", warn: "warning",
			fail: "wrong", skip: "not looked at", warnings: "warnings",
		},
		runs: "It runs on {node}.", ends: "It is being ended.", stop: "Stop and hang up",
		wait: "{done} of {total}",
		asked: "You are asked", yes: "Yes", no: "No", done: "Done",
		cannot: "It cannot be done", skip: "Leave this step out",
		note: "Remark for the report",
		over: "The test is over. This is its report.",
		thatOne: "Look at that test",
		goOn: "Go on with what did not pass",
		page: "Open the report as a page", print: "Print",
		downloads: { html: "Download page", json: "Download JSON",
			     junit: "Download JUnit" },
		captures: "Captures for Wireshark",
		keep: "Keep this report when newer ones come",
		compare: "Compare two", choose: "Choose {time}",
		compared: "{old} and {now}:", worse: "Worse: {count}",
		notWorse: "Nothing got worse.",
		begin: {
			title: "Begin a test", begin: "Begin", choose: "Choose",
			first: "Choose a customer and one of its PBXs.",
			none: "This node runs no tests (tests.at_once is 0).",
			pbx: "PBX", what: "What is tested",
			plans: "Calls and registrations, by a plan",
			readiness: "The way to the PBX (readiness)",
			plan: "Plan", cases: "Tests of this plan", steps: "Steps",
			own: "A plan of your own…", file: "Its file",
			fileHelp: "YAML, as docs/testplans.md tells; at most 60 KiB. It is "
				+ "checked here, and goes along with this test alone.",
			resumed: "What passed in that test is taken over; the rest is done.",
			times: "Talking times [%]",
			timesHelp: "Below 100 it is quicker, and proves less",
			repeat: "Rounds",
			who: "Who plays whom",
			noSim: "No fully automatic run here: the users in Teams have to be played "
				+ "by people, who are told what to do.",
			noSimMsp: "To play them automatically run teams-sim on the node and name "
				+ "its control socket in callbridge.yaml (tests.teams_sim); then each "
				+ "user can be played by it. That tests the PBX and the bridge, "
				+ "not Microsoft Teams.",
			withSim: "For a run without people choose teams-sim for the users in Teams, "
				+ "and telephones of the test's own outside.",
			whoHelp: "This is kept with the PBX. People are told what to do and "
				+ "say whether it happened; telephones of the test's own need an "
				+ "extension for a SIP phone, or a trunk that ends at them.",
			upn: "User in Teams", upnHelp: "One of this PBX's users",
			kind: "Played by", mailbox: "Number of its voice mailbox",
			kinds: {
				nobody: "Nobody", human: "A person with a telephone",
				phone: "A telephone of the test's own",
				teamsHuman: "A person in Microsoft Teams",
				teams: "teams-sim, on this node",
			},
			roles: {
				user_a: "User A", user_b: "User B",
				external: "First telephone outside",
				external_2: "Second telephone outside",
				mailbox: "Voice mailbox",
			},
			numbers: { nobody: "A number that nobody has",
				   echo: "A number that echoes" },
			numbersHelp: { echo: "At the PBX: it gives back what it hears" },
			lacking: "These tests will be skipped, for nobody plays:",
			readinessHelp: "Checks DNS, TLS, NAT, SIP ALG and lost fragments from "
				+ "this node; with a user also registration and expiry, with two "
				+ "a call and its voice.",
			user: ["First user (optional)", "Second user (optional)"],
			call: "Number to call (optional)",
			callHelp: "Instead of the second user",
			twice: "These users register once more for a moment. A PBX that admits "
				+ "one registration a user may drop the service's until it is "
				+ "renewed: choose users that nobody needs now.",
		},
	},

	reports: {
		title: "Reports",
		tabs: {
			status: "Registration status", calls: "Calls and voice",
			outages: "Outages", history: "Registration history",
			numbers: "Number simulator",
		},
		print: "Print",
		printed: "As of {time}",
		all: "All users", failing: "Only those that need a person",
		statusGood: "Every enabled user is registered.",
		counts: "{count} {state}",
		time: "Time", state: "State", reason: "Reason", words: "The PBX's answer",
		advice: "Advice", since: "Since",
		times: "Time", lastDay: "last 24 hours", lastWeek: "last 7 days",
		lastMonth: "last 30 days", lastQuarter: "last 90 days",
		lastYear: "last 365 days",
		callsText: "All calls that ended, {count} of them, counted in the hour in "
			+ "which they began.",
		byPbx: "By PBX", byDay: "By PBX and day", day: "Day", total: "all",
		attempts: "Calls", callsFailed: "Failed", asr: "Answered (ASR)",
		acd: "Mean duration (ACD)", pdd: "Until it rings (PDD)",
		pdd95: "95 % ring within", ner: "Reached (NER)",
		mosTeams: "MOS from Teams", mosPbx: "MOS from PBX",
		poor: "Poor voice", loss: "Loss", jitter: "Jitter",
		plotMos: "Voice quality (MOS), worse side", plotLoss: "Packets lost (%)",
		plotJitter: "Jitter (ms), worse side", plotCalls: "Calls",
		plotLabel: "{title}, by {step}, of {names}",
		hour: "hour", others: "Only the {count} busiest PBXs are drawn.",
		outagesText: "Users of a PBX that were lost together, for the same reason, and "
			+ "trunks to Teams that could not be reached.",
		outagesNone: "Nobody was lost in this time.",
		kinds: { user: "PBX", trunk: "Trunk to Teams" },
		kind: "What", which: "Which", from: "From", to: "To", lasts: "lasts", took: "Took",
		who: "Users, proxies", and: "{names} and {count} more",
		simText: "What becomes of a number, by the rules of a PBX as it is saved.",
		simPbx: "PBX", simChoose: "Choose a customer above first.",
		simNone: "This customer has no PBX yet.",
		simUser: "Teams user (optional: for the country)",
		fromTeams: "Dialled in Teams", fromPbx: "Shown by the PBX",
		simGo: "Try", becomes: "{number} becomes {result}",
		emergency: "emergency call", rules: "Rules that fired, in order",
		noRule: "No rule fired: it goes as it is.",
		kindOf: "Kind of number: {kind}", open: "may be called unless a policy closes it",
		closed: "closed unless policy.allow or policy.open says otherwise",
	},

	sync: {
		title: "Microsoft 365",
		all: "Customers whose Microsoft 365 is asked",
		allNone: "No customer's Microsoft 365 is asked yet. Choose a customer above to "
			+ "set it up.",
		choose: "Choose {tenant}",
		customer: "Customer", state: "State", last: "Last run", result: "Result",
		next: "Next run", ends: "Secret ends",
		byFile: "This customer comes from a customer file on the node and is not asked "
			+ "here. There: callbridge sync dry-run, now, script.",
		setUp: "Set up", settings: "Settings", settingsOf: "Microsoft 365 of {tenant}",
		intro: "Callbridge can read who of the customer's people may call, make users of "
			+ "them, tell why others are not listed, and give numbers and policies in "
			+ "Teams. It needs an app registration in the customer's directory.",
		stop: "Ask no more",
		reallyStop: "Ask Microsoft 365 of {tenant} no more, and forget the people it has "
			+ "told of? No user here is removed.",
		states: { idle: "idle", waiting: "waiting for its turn", running: "running" },
		steps: {
			claiming: "beginning", probing: "trying permissions",
			pulling: "reading people", keeping: "keeping people",
			giving: "looking at numbers and policies", checking: "reading back",
			ending: "ending",
		},
		on: "on {node}",
		pages: "{pages} pages",
		modes: { run: "run", "dry-run": "dry run", test: "test of the credentials" },
		results: { done: "done", partial: "done, but not all of it", failed: "failed" },
		never: "not yet", onlyWhenAsked: "only when asked for",
		daysLeft: "in {days} days", daysOver: "has ended", daysUnknown: "not told",
		daysSoon: "The secret ends in {days} days. Make a new one under Certificates & "
			+ "secrets of the app registration, and enter it under Settings.",
		daysGone: "The secret has ended. Make a new one under Certificates & secrets of "
			+ "the app registration, and enter it under Settings.",
		denied: "What Teams has cannot be read: TeamsUserConfiguration.Read.All is not "
			+ "granted. It is not asked again by itself; test the credentials after "
			+ "granting it.",
		counts: {
			seen: "{n} people told of, or changed", there: "{n} have all in Teams",
			given: "{n} were given number or policies",
			missing: "{n} lack number or policies in Teams",
			failed: "{n} could not be given them",
			left: "{n} users here have left Microsoft 365",
			disabled: "{n} of them disabled",
		},
		countsNone: "nothing has changed",
		requestId: "request-id {id}",
		now: "Sync now", dry: "Dry run", full: "Read all anew", test: "Test credentials",
		script: "Download PowerShell script",
		scriptHelp: "What only PowerShell can: gateway, route, policy, dial plan. Look at "
			+ "it, run it as a Teams administrator, and again after users were added.",
		probes: "What the app may do",
		permission: "Permission", what: "To",
		granted: "granted", notAsked: "could not be asked", missing: "not granted", notNeeded: "not granted, not needed "
			+ "while the script gives numbers",
		people: "People and users",
		search: "Search by name or number",
		why: "Why", whyAll: "everybody ({count})",
		peopleNone: "Nobody yet: run a sync first.",
		whys: {
			ready: "can call", unknown: "unknown at Microsoft", guest: "guest",
			resource_account: "resource account", account_disabled: "account blocked",
			no_licence: "no licence", licence_locked: "licence locked",
			no_country: "no usage location", no_pbx_account: "no user here",
			off: "off here", left: "has left",
		},
		person: "Person", number: "Number", country: "Country", listed: "State",
		teams: "In Teams",
		given: { there: "has all of it", missing: "lacks something",
			 given: "given, not shown yet", failed: "failed", open: "" },
		teamsHas: "now {number}",
		select: "Choose {name}", selectAll: "Choose all on this page that can become "
			+ "users",
		make: "Make users ({count})",
		makeTitle: "Make users of {count} people",
		makeHelp: "Number, name at the PBX and country follow from what Microsoft says "
			+ "and from the settings. All are made, or none. Who has no password is "
			+ "made, but off until one is set.",
		pbx: "PBX", sip: "SIP username", password: "Password", wrong: "What is wrong",
		check: "Check", makeNow: "Make users", made: "{count} users were made.",
		fine: "fine",
		guide: "How to register the app",
		guideSteps: [
			["Open entra.microsoft.com as an administrator of the customer's directory: "
				+ "App registrations, New registration. Any name, \"Accounts in this "
				+ "directory only\", no redirect URI."],
			["API permissions, Add a permission, Microsoft Graph, Application permissions:",
				["User.Read.All, always",
				 "TeamsUserConfiguration.Read.All, to read back what Teams has",
				 "TeamsTelephoneNumber.ReadWrite.All and TeamsPolicyUserAssign."
					+ "ReadWrite.All, to give numbers and policies without "
					+ "PowerShell",
				 "Presence.Read.All, only where calls to who shows Do not disturb "
					+ "are to be answered busy"]],
			["Grant admin consent on the same page, and see that each line says Granted."],
			["Certificates & secrets: New client secret. Copy its Value (not the Secret "
				+ "ID): it is shown once. Note the day on which it ends."],
			["Overview: copy Directory (tenant) ID and Application (client) ID."],
			["Enter all of it below, save, and test the credentials. Then a dry run "
				+ "shows what would happen."],
		],
	},

	templates: {
		title: "Templates",
		name: "Name", product: "Product", extends: "Builds on",
		evidence: "Evidence", from: "From",
		compare: "Compare with",
		setting: "Setting", value: "Value",
		upload: "Own template (YAML)", edit: "Template {name}",
		file: "Read it from a file", text: "Template (YAML)",
		check: "Check only", good: "Nothing is wrong with it, and every PBX goes with it.",
		mistakes: "{count} mistakes; nothing was changed.", wrong: "What is wrong",
		column: "Column", goTo: "Go to line {line}",
		extending: "builds on {extends}",
		managed: { "built-in": "built in", folder: "the node's folder",
			store: "this page" },
		uploadHelp: "Over a built-in one of the same name, or beside them.",
		uploadName: "Name",
		send: "Upload",
		nobody: "nothing",
	},

	admins: {
		title: "Admins and tokens",
		admins: "Admins", tokens: "Tokens for programs",
		name: "Name", role: "Role", tenant: "Customer", expires: "Ends",
		password: "Password",
		passwordHelp: "Leave empty for single sign-on only, or to keep it.",
		newAdmin: "New admin", editAdmin: "Admin {name}", newToken: "New token",
		never: "never", everyone: "all",
		once: "The token of {name}, told only now:",
		copy: "Copy",
	},

	audit: {
		title: "Audit",
		time: "Time", who: "Who", address: "From", action: "Action",
		what: "What", change: "Change",
		filterWho: "Who (whole name)", filterKind: "What",
		filterName: "Its name (part of it)",
		kinds: { tenant: "Customer", pbx: "PBX", user: "User",
			template: "Template", admin: "Admin", token: "Token",
			sync: "Sync", testers: "Testers", share: "Shared call",
			"test-run": "Test", node: "Node" },
	},

	nodes: {
		title: "Nodes",
		one: "There is one node. Several share a store in PostgreSQL: when one dies "
			+ "or stops, another one takes its PBXs over within seconds (docs/nodes.md).",
		node: "Node", here: "(this one)", since: "Since, or last seen",
		pbxs: "PBXs", pbx: "PBX", address: "Reached at", software: "Software",
		pbxSide: "by PBXs", teamsSide: "by Teams",
		places: "Which node serves which PBX",
		states: { up: "up", draining: "hands over", gone: "gone" },
		drain: {
			title: "Drain {name}?", go: "Drain",
			text: "Other nodes take its PBXs over and register their users; it takes "
				+ "none any more. It runs on: its calls end in their own time. New "
				+ "calls from Teams go to the node that serves the PBX.",
		},
		resume: {
			title: "Let {name} serve PBXs again?", go: "Resume",
			text: "It takes PBXs again that no other node serves. What others serve "
				+ "stays where it is.",
		},
	},
};

/** strings' text with its {names} filled in: always text, never markup */
export function fill(text, values)
{
	return text.replace(/\{(\w+)\}/g, (whole, name) =>
		values[name] === undefined ? whole : String(values[name]));
}
