//! Runs that failed once, each with the story of what it showed.

use highwater::simulation::replay;

/// Whoever pastes half of a script is told where it ends to make sense.
#[test]
fn a_script_that_makes_no_sense_is_refused_by_line() {
    let failure = replay("(setup:1)").expect_err("that is no beginning");
    assert!(failure.dispute().starts_with("line 1: "), "{failure}");
}

/// The story: a deposit was applied and set aside for somebody else, the operation failed for certain,
/// and a recovery could not take the deposit back. The model said that the failure was in doubt from
/// then on; the rules say that it is what it was, and waits for a human.
#[test]
fn a_failure_that_cannot_be_undone_keeps_its_class() {
    let script = r#"
        (setup:(seed:130090291438,synced:true,memory_bytes:1048576,segment_bytes:65536,snapshot_bytes:16384,keeps_log:false,limits:(open_positions:None,cost:None)),first_cut:0)
        Line((number:5,action:Begin(intent:(key:36,task:Add(Main,(Bnb,79)),holds:[],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:1,idempotent:false,claim:None,cursor:None),again:false,start:false,keep:true)))
        Line((number:6,action:Call(caller:Handle(5),call:Start,keep:false)))
        Line((number:8,action:Call(caller:Anybody(1),call:Apply((parts:[Deposit(Main,(Bnb,79)),Deposit(Main,(Bnb,79)),Deposit(Main,(Bnb,58))],cover:false)),keep:false)))
        Line((number:13,action:Call(caller:Anybody(1),call:TakeOver,keep:true)))
        Line((number:18,action:Begin(intent:(key:184,task:Open((owner:Main,coin:Yes,quote:Usd,tag:1,method:Average)),holds:[(Bnb,6)],reduces:[],increases:[],opens:[],touches:[Bnb],owners:[],payload:0,deadline:None,max_attempts:2,idempotent:true,claim:None,cursor:None),again:false,start:true,keep:true)))
        Line((number:19,action:Call(caller:Handle(13),call:Fail(Definite),keep:true)))
        Kill(trouble:[])
        Line((number:27,action:Recovery(Begin)))
        Line((number:28,action:Recovery(Next)))
        Line((number:30,action:Recovery(Decide(1,RollBack))))
    "#;
    replay(script).unwrap();
}
