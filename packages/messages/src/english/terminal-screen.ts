// English texts of the plain screen: one for each form of each event, command and refusal.

export const TERMINAL_SCREEN = {
  'screen.help': `talk
  Enter sends the line to every member; each line is one message
  //text              sends "/text"
members (MEMBER is a name, or the first four or more digits of a fingerprint)
  /members, /who      lists members, their fingerprints, and those you have verified
  /verify MEMBER      shows the safety number, to compare over another channel
  /verified MEMBER    marks the member as verified until you leave
  /code               shows eight words; if they differ, the relay has forked the room
  /circuit            moves to another circuit through Tor now, without a break
  /status             shows how the room hides you, and what an observer could see now
  /admit MEMBER       admits someone who knocked
the room (only in the host's own client: docker compose run --rm host-client)
  /knock              newcomers have to be admitted
  /lock, /unlock      nobody can join; anyone with the connection string can join
  /evict MEMBER       moves the room to another onion, without that member
  /move [COVER]       moves the room to another onion, with all its members;
                      COVER: off, jitter, stealth-4, -8, -16 or -32
leave
  /quit, /exit        or quit or exit alone on the line, Ctrl-C, Ctrl-D
  /panic              leaves at once, unannounced: keys are zeroed, the screen is cleared`,
  // The network and the connection
  'screen.test-network': 'PRIVATE TEST NETWORK: it protects nobody, so send nothing that matters',
  'screen.stage-bootstrapping': 'Tor {percent} %',
  'screen.stage-descriptor': "looking up the room's onion",
  'screen.stage-rendezvous': 'found it; meeting it at a rendezvous point',
  'screen.stage-joining': 'reached it; joining the room',
  'screen.stage-knocking': 'knocked: a member has to type /admit',
  'screen.stage-leaving': 'leaving: new text is not sent; press again to leave at once',
  'screen.stage-detail': '{stage}: {detail}',
  'screen.joined': 'joined as {member}',
  'screen.joined-test': 'joined as {member} on a {network}',
  'screen.how-to-talk': 'type a message and press Enter; /help lists the commands',
  'screen.joined-after-move': 'in the room again',
  'screen.joined-after-move-test': 'in the room again on a {network}',
  'screen.joined-after-loss': 'connected again',
  'screen.joined-after-loss-test': 'connected again on a {network}',
  'screen.not-connected': 'not connected: {detail}',
  'screen.not-connected-yet': 'not connected yet: your text is kept, and sent once you are',
  'screen.left-room': 'left the room',
  'screen.ended': 'the end ({code})',
  'screen.error': '{problem} ({code})',
  // Texts
  'screen.gap-one': '1 message was lost',
  'screen.gap-one-of': '1 message of {member} was lost',
  'screen.gap-many': '{count} messages were lost',
  'screen.gap-many-of': '{count} messages of {member} were lost',
  'screen.unsent-one': '1 message was not acknowledged by the relay: other members may miss it',
  'screen.unsent-many': '{count} messages were not acknowledged by the relay: other members may miss them',
  'screen.pace': "this leaves in about {seconds} s: the room's slots decide when",
  'screen.more-lines-one': '(1 more line)',
  'screen.more-lines-many': '({count} more lines)',
  'screen.cut': '(cut here)',
  // Members
  'screen.arrived': '{member} is here',
  'screen.left': '{member} has left',
  'screen.removed-left': '{member} has left',
  'screen.removed-silent': '{member} was removed: nothing was heard from it any more',
  'screen.removed-evicted': 'the host has removed {member}',
  'screen.removed-unlisted':
    '{member} joined while the room was moving and was left behind: give it the new connection string, and admit it',
  'screen.self-removed-left': 'you have left',
  'screen.self-removed-silent': 'you were removed, because nothing was heard from you: the client joins again',
  'screen.self-removed-evicted': 'the host has removed you',
  'screen.self-removed-unlisted': 'the room moved to another onion while you joined',
  'screen.members-one': '1 member, {here} here',
  'screen.members-many': '{count} members, {here} here',
  'screen.member-self': '  {member}  {fingerprint}  you',
  'screen.member-self-verified': '  {member}  {fingerprint}  you, verified',
  'screen.member-here': '  {member}  {fingerprint}  here',
  'screen.member-here-verified': '  {member}  {fingerprint}  here, verified',
  'screen.member-silent': '  {member}  {fingerprint}  not heard from now',
  'screen.member-silent-verified': '  {member}  {fingerprint}  not heard from now, verified',
  'screen.member-knocking': '  {member}  {fingerprint}  knocking',
  'screen.candidate': '  {member}  {fingerprint}',
  'screen.member-refused': '{typed}: {problem} ({code})',
  'screen.verified': '{member} is verified, until you leave',
  'screen.safety-number': 'safety number of you and {member} ({fingerprint}):',
  'screen.safety-digits': '  {digits}',
  'screen.safety-compare':
    'the other member types /verify with your name. Read the digits to each other over another channel: by voice, or face to face',
  'screen.safety-equal': 'if all 60 digits are equal, you have the real keys of each other: type /verified {mark}',
  'screen.safety-differs':
    'if any digit differs, this is not the member that it claims to be: send nothing that matters, and tell the host',
  'screen.code': 'room code (epoch {epoch}):',
  'screen.code-words': '{words}',
  'screen.code-compare':
    'all members have these eight words until the keys change: compare them over another channel, at the same moment',
  'screen.code-differs': 'if they differ, the relay has forked the room: leave, and ask the host for a new room',
  // Commands
  'screen.unknown-command': 'no such command: /help lists them. To send it as a text, begin with two slashes.',
  'screen.unknown-command-meant':
    'no such command: did you mean /{meant}? To send it as a text, begin with two slashes.',
  'screen.nothing-behind':
    '/{command} takes nothing behind it: type it alone. To send it as a text, begin with two slashes.',
  'screen.typed-not-sent': 'not sent: {typed}',
  'screen.member-missing':
    'name a member: /{command} and a name, or the first digits of a fingerprint; /members lists both',
  'screen.asked-admit': 'admitting {member}',
  'screen.asked-evict': 'removing {member}: the host opens the room at another onion, which takes a minute or two',
  'screen.asked-move': 'moving the room: the host opens it at another onion, which takes a minute or two',
  'screen.cover-unknown':
    'no such cover mode: /move alone, or /move and off, jitter, stealth-4, stealth-8, stealth-16 or stealth-32',
  'screen.knock': '{member} is knocking: /admit {mark}',
  'screen.more-knocks': 'more are knocking than have a line each: /members lists them',
  'screen.access-open': 'the room is open: anyone with the connection string can join',
  'screen.access-knock': 'newcomers have to be admitted from now on: any member can, with /admit',
  'screen.access-locked': 'the room is locked: nobody can join, not even with the connection string',
  'screen.access-listed':
    'the room knows its members, who join by themselves; anyone else has to be admitted, with /admit',
  'screen.moved': 'the room moves to another onion; the client follows, and you need to do nothing',
  'screen.deferred':
    "signed: it takes effect with the room's next keys, in about {seconds} s; so an observer cannot see when you ordered it",
  'screen.moderated-access': 'done: the host has signed it',
  'screen.moderated-moved':
    'done: the room goes on at another onion. Its new connection string: docker compose exec host invite',
  'screen.moderated-evicted':
    'done: the room goes on without that member. Its new connection string: docker compose exec host invite',
  // Warnings: what happened, and what to do next
  'screen.warning': 'WARNING: {happened} ({code})',
  'screen.next': 'Next: {step}',
  'screen.unnamed-member': 'a member',
  'screen.unnamed-namesake': 'another member',
  'screen.namesake-self': '{member} (you)',
  'screen.namesake-verified': '{member} (verified by you)',
  'screen.namesakes': '{first}, {second}',
  'screen.namesakes-more': '{listed} and {count} more',
  'screen.warning-log-differs':
    'the relay did not show {member} the same messages as you: it drops or reorders messages, or has forked the room',
  'screen.warning-log-rolled-back':
    'the relay went back to an earlier state: messages may be withheld from you or from others',
  'screen.warning-away-too-long':
    'you were away for longer than the room keeps messages: the relay has none of the older ones any more',
  'screen.warning-key-changed':
    '{member} has another key than {namesakes}, and a name that looks the same: it has joined anew, or it is another person',
  'screen.warning-name-taken': '{member} has a name that looks like the one of {namesakes}: two keys, two members',
  'screen.warning-name-reserved':
    '{member} has a name that the program uses for itself or for the host: any member can take it',
  'screen.warning-room-forked':
    "the room's keys have forked: you and other members cannot read each other any more; the client joins again",
  'screen.warning-nobody-answers': 'no member has answered: they are away, or the relay shows you a room that is over',
  'screen.warning-commits-refused':
    'the relay keeps refusing new keys: keys grow old, and no member that leaves can be removed',
  'screen.warning-cover-thin':
    "far less comes from the relay than the room's cover mode says: the network is slow, or the relay saves the traffic that hides you",
  'screen.warning-junk-commit':
    'someone with the connection string, or the relay, sent keys that no member made: they were refused, and the room goes on',
  'screen.next-ask-again':
    'ask the other members to say it again; the host can keep more with SOTTO_ROOM_PATIENCE in its next room',
  'screen.next-compare-code':
    'compare /code with the other members over another channel; if the codes differ, the relay has forked the room',
  'screen.next-compare-fingerprints':
    'compare the digits behind the names, and /verify the member before you trust a name',
  'screen.next-another-room': 'ask the host to open another room',
  'screen.next-assume-seen': 'if it goes on, assume that someone watching your connection can see when you write',
  'screen.next-lock': 'if it happens again, ask the host to lock the room (/lock) or to open another one',
} as const;
