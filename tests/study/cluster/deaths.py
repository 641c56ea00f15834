"""What dies in the middle of a run, whatever the engine: the driver, or a node."""


def driver_dies(engine, nodes, driver, same_as_one_machine):
    """Kill the command when two cells are done and give it again."""
    first = driver("again", engine, nodes.env)
    first.wait_until(lambda: first.done() >= 2)
    before = first.kill()
    second = driver("again", engine, nodes.env)
    told = same_as_one_machine(second, engine=engine, killed="the driver", done_before=before)
    assert "found done" in told


def node_dies(engine, nodes, driver, same_as_one_machine):
    """Kill the second node while one of its processes holds a unit of work."""
    run = driver("killed", engine, nodes.env)
    run.wait_until(lambda: run.done() >= 2 and run.held_by(nodes.pids("n2")))
    before, n = run.done(), nodes.kill("n2")
    assert before < 16
    same_as_one_machine(run, engine=engine, killed=f"n2, {n} processes", done_before=before)
