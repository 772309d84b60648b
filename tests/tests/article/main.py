# The article's API, which it describes but does not print: todos in memory and a version, with X-Ray segments that
# continue the trace the gateway hands over.
import os

from aws_xray_sdk.core import xray_recorder
from flask import Flask, request
from flask_restful import Api, Resource, abort

VERSION = os.environ["API_VERSION"]
TODOS = {
    "todo1": {"task": "build an API"},
    "todo2": {"task": "?????"},
    "todo3": {"task": "profit!"},
}

xray_recorder.configure(sampling=False, context_missing="LOG_ERROR")
app = Flask(__name__)
api = Api(app)


class Traced(Resource):
    segment = "todo"

    def __init__(self):
        trace, parent = request.headers.get("x-traceid"), request.headers.get("x-parentid")
        xray_recorder.begin_segment(f"api_{VERSION}_{self.segment}", traceid=trace, parent_id=parent, sampling=1)

    def __del__(self):
        xray_recorder.end_segment()


class Ping(Resource):
    def get(self):
        return {"response": "ok"}


class TodoList(Traced):
    segment = "todos"

    def get(self):
        return {"todos": TODOS, "version": VERSION}


class Todo(Traced):
    def get(self, todo_id):
        if todo_id not in TODOS:
            abort(404, message=f"Todo {todo_id} doesn't exist")
        return {"todo": TODOS[todo_id], "version": VERSION}

    def delete(self, todo_id):
        TODOS.pop(todo_id, None)
        return "", 204


api.add_resource(TodoList, "/todos")
api.add_resource(Todo, "/todos/<todo_id>")
api.add_resource(Ping, "/ping")

if __name__ == "__main__":
    # One process: the reloader of debug mode forks a second one for nothing.
    app.run(host="0.0.0.0", port=3000, threaded=True)
