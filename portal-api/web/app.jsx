import "./style.css";
import { render } from "preact";
render(<p>Callbridge</p>, document.getElementById("page"));
